import {
  type ApplicationId,
  BoundedMap,
  type NodeId,
  NodosumError,
  parseStreamName,
} from '@nodosum/kernel'
import { checkFunction } from '@nodosum/kernel/options'
import type { DeliveryCounters } from '../core/delivery-ledger.ts'
import type { Target } from '../core/target.ts'
import type { ApplicationOptions } from '../options.ts'
import type { LaneClass } from '../ports.ts'
import { checkLane } from './call-checks.ts'
import type { LaneOptions, RequestOptions } from './call-options.ts'
import type { Handlers, MessageHandler, RequestHandler } from './handlers.ts'
import { type ApplicationHost, Lane } from './lane.ts'

/** The lane of an application's own `send`. */
const defaultLane = 'default'

/** A module's endpoint: handlers on this node, and sending to the same application elsewhere. */
export class Application extends Lane {
  readonly id: ApplicationId
  readonly counters: DeliveryCounters
  readonly #handlers: Handlers
  readonly #lanes: BoundedMap<string, Lane>

  constructor(id: ApplicationId, handlers: Handlers, host: ApplicationHost) {
    super(id, defaultLane, 'interactive', host, handlers.policy)
    this.id = id
    this.counters = handlers.counters
    this.#handlers = handlers
    this.#lanes = new BoundedMap(host.options.lanesMax)
  }

  /**
   * Handles messages to this application on this node, for as long as the node lives.
   *
   * @throws `CONFIG_INVALID` for what is no function, and when there is a handler already
   */
  onMessage(handler: MessageHandler): this {
    checkFunction('onMessage(handler)', handler, 'which is given payload and context')
    if (this.#handlers.onMessage !== null) throw handledAlready(this.id, 'onMessage')
    this.#handlers.onMessage = handler
    this.host.registered()
    return this
  }

  /**
   * Answers requests to this application on this node, for as long as the node lives.
   *
   * @throws `CONFIG_INVALID` for what is no function, and when there is a handler already
   */
  onRequest(handler: RequestHandler): this {
    checkFunction('onRequest(handler)', handler, 'which returns the reply or a promise of it')
    if (this.#handlers.onRequest !== null) throw handledAlready(this.id, 'onRequest')
    this.#handlers.onRequest = handler
    this.host.registered()
    return this
  }

  /**
   * Gives this application limits, budgets and times of its own on this node, from now on; what is
   * not given stays. Names and meanings are those of `layers.messaging`.
   *
   * @throws `CONFIG_INVALID` that lists every problem; then nothing changes
   */
  configure(options: Partial<ApplicationOptions>): this {
    this.policy.configure(options)
    return this
  }

  /** Whether this node runs the application: it has a handler. */
  get isRunning(): boolean {
    return this.#handlers.isRunning
  }

  /**
   * Resolves with the reply or rejects with exactly one coded error. Sent again, at most
   * `attemptsMax` times within `timeoutMs` and within the retry budget, after refusals that say that
   * the handler did not run; with `idempotent` also after an unknown outcome and after an error of
   * the handler that is `retryable`. Of a list of nodes each attempt asks one, at random among those
   * that are there.
   */
  request(
    to: Target,
    payload: unknown,
    options?: RequestOptions,
    method: string | null = null,
  ): Promise<unknown> {
    const { id: application, counters, policy } = this
    return this.host.request({ application, counters, policy, to, payload, options, method })
  }

  /** Ids of alive, non-draining members that run this application, self included, sorted. */
  nodes(): readonly string[] {
    return this.host.candidates(this.id)
  }

  /**
   * The lane of this name; its class, interactive unless told, holds from the first call on.
   *
   * @throws `LIMIT_STREAMS` past `lanesMax`, `CONFIG_INVALID` for a name that is none, a class that
   *   is none, and another class than the lane has
   */
  lane(name: string, options?: LaneOptions): Lane {
    checkLane(options)
    const wanted = options?.class
    let lane = this.#lanes.get(name)
    const known = name === defaultLane ? this : lane
    if (known !== undefined && wanted !== undefined && wanted !== known.class) {
      throw classDiffers(this.id, known, wanted)
    }
    if (lane === undefined) {
      parseStreamName(name, 'lane')
      lane = new Lane(this.id, name, wanted ?? 'interactive', this.host, this.policy)
      if (!this.#lanes.set(name, lane)) {
        const message = `${this.id} has ${this.#lanes.max} lanes already (lanesMax)`
        throw new NodosumError('ERR_NODOSUM_LIMIT_STREAMS', message)
      }
    }
    return lane
  }

  override toString(): string {
    return `Application { id: '${this.id}' }`
  }

  override sessionLost(peer: NodeId): void {
    super.sessionLost(peer)
    for (const lane of this.#lanes.values()) lane.sessionLost(peer)
  }

  override closeAll(error: NodosumError): void {
    super.closeAll(error)
    for (const lane of this.#lanes.values()) lane.closeAll(error)
  }
}

// console.log of an endpoint would show the node behind it, down to its sockets.
const inspect = Symbol.for('nodejs.util.inspect.custom')
Object.defineProperty(Lane.prototype, inspect, {
  value(this: Lane): string {
    return this.toString()
  },
})

/** Two handlers would be two modules under one name; the first would wait for nothing. */
function handledAlready(id: ApplicationId, call: 'onMessage' | 'onRequest'): NodosumError {
  const message =
    `${call}(handler): application ${id} has a handler already on this node and is given one ` +
    'only: choose inside it by the payload, or use another application id'
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
}

/** Messages of one lane keep their order, so that they cannot be of two classes. */
function classDiffers(id: ApplicationId, lane: Lane, wanted: LaneClass): NodosumError {
  const message =
    `lane(name, options): lane '${lane.name}' of application ${id} is ${lane.class} from its first ` +
    `use on and cannot be ${wanted}: say the class there, or use another name`
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
}
