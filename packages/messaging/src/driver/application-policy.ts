import { isNodosumError, NodosumError, type Random, type Scheduler } from '@nodosum/kernel'
import type { RequestBreakerSnapshot } from '../adapters/request-breaker.ts'
import { ErrorBudget, type ErrorBudgetSnapshot } from '../core/error-budget.ts'
import { RetryBudget } from '../core/retry-budget.ts'
import { type ApplicationOptions, applicationDefaults, applicationOptions } from '../options.ts'
import { PeerBreakers } from './peer-breakers.ts'
import { Quotas } from './quotas.ts'

/** What an application counts beside the outcomes of its messages. */
export interface PolicySnapshot {
  /** Requests that were sent again. */
  readonly retries: number
  /** Requests that were not sent again because the retry budget was used up. */
  readonly retriesRefused: number
  readonly errorBudget: ErrorBudgetSnapshot
  /** Breakers of nodes that are open, half open, or were open once. */
  readonly breakers: readonly RequestBreakerSnapshot[]
}

/** What is the caller's own doing is no failure of the cluster. */
const ownDoing: ReadonlySet<string> = new Set([
  'ERR_NODOSUM_CANCELLED',
  'ERR_NODOSUM_CONFIG_INVALID',
  'ERR_NODOSUM_PAYLOAD_INVALID',
  'ERR_NODOSUM_MESSAGE_TOO_LARGE',
  'ERR_NODOSUM_SHUT_DOWN',
])

/** How one application behaves towards its peers: settings, budgets, breakers and quotas. */
export class ApplicationPolicy {
  readonly application: string
  /** The node's own business with its cluster: nothing of this may stop it. */
  readonly isControl: boolean
  readonly retries: RetryBudget = new RetryBudget()
  readonly breakers: PeerBreakers
  readonly quotas: Quotas
  readonly #errors: ErrorBudget
  readonly #scheduler: Scheduler
  #settings: ApplicationOptions
  #defaults: ApplicationOptions
  /** What the application has set for itself. */
  #own: Partial<ApplicationOptions> = {}

  constructor(options: {
    application: string
    isControl: boolean
    settings: ApplicationOptions
    scheduler: Scheduler
    random: Random
  }) {
    const { application, scheduler, random } = options
    this.application = application
    this.isControl = options.isControl
    this.#scheduler = scheduler
    this.#defaults = applicationDefaults(options.settings)
    this.#settings = this.#defaults
    this.#errors = new ErrorBudget(this.#settings.errorBudgetWindowMs)
    this.quotas = new Quotas(this.#settings, scheduler.nowMs())
    const settings = this.#settings
    this.breakers = new PeerBreakers({ application, settings, scheduler, random })
  }

  get settings(): ApplicationOptions {
    return this.#settings
  }

  /** @throws `CONFIG_INVALID` that lists every problem */
  configure(given: Partial<ApplicationOptions>): void {
    if (typeof given !== 'object' || given === null) {
      const message = 'application.configure(options) takes an object'
      throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
    }
    const own = { ...this.#own, ...given }
    const settings = applicationOptions.parse({ ...this.#defaults, ...own })
    this.#own = own
    this.#use(settings)
  }

  /** What the node gives all its applications; what this one has set for itself stays. */
  useDefaults(defaults: ApplicationOptions): void {
    this.#defaults = defaults
    this.#use({ ...defaults, ...this.#own })
  }

  #use(settings: ApplicationOptions): void {
    this.#settings = settings
    this.#errors.useWindow(settings.errorBudgetWindowMs)
    this.quotas.use(settings, this.#scheduler.nowMs())
    this.breakers.use(settings)
  }

  /** Runs one attempt behind the breaker of its node. */
  attempt<T>(peer: string, request: () => Promise<T>): Promise<T> {
    return this.isControl ? request() : this.breakers.run(peer, request)
  }

  /** Whether requests to this node would be refused now. */
  avoids(peer: string): boolean {
    return !this.isControl && this.breakers.pauseMs(peer) > 0
  }

  /** A request is over; undefined when it was answered. */
  requestEnded(error: unknown): void {
    const code = isNodosumError(error) ? error.code : ''
    if (ownDoing.has(code)) return
    const failed = error !== undefined && code !== 'ERR_NODOSUM_REMOTE_ERROR'
    this.#errors.ended(this.#scheduler.nowMs(), failed)
  }

  snapshot(): PolicySnapshot {
    return {
      retries: this.retries.retries,
      retriesRefused: this.retries.refused,
      errorBudget: this.#errors.snapshot(this.#scheduler.nowMs(), this.#settings),
      breakers: this.breakers.snapshot(),
    }
  }
}
