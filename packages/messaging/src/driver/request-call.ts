import {
  type ApplicationId,
  fullJitter,
  isNodosumError,
  type NodeId,
  NodosumError,
  parseNodeId,
  type Random,
  type Scheduler,
} from '@nodosum/kernel'
import type { EncodedPayload, PayloadCodec } from '../adapters/cbor-payload.ts'
import type { DeliveryCounters } from '../core/delivery-ledger.ts'
import type { MemoryBudget } from '../core/memory-budget.ts'
import { retryVerdict } from '../core/retry-rule.ts'
import { isRule, keyOf, type Target } from '../core/target.ts'
import { encodeHeaders } from '../wire/envelope.ts'
import type { ApplicationPolicy } from './application-policy.ts'
import { checkRequest } from './call-checks.ts'
import type { RequestOptions } from './call-options.ts'
import { notConnected, reasonOf } from './failure.ts'
import type { OutboundRequests } from './outbound-requests.ts'
import { cancelled, pause, withDeadline } from './request-waits.ts'
import { type Avoided, among, type Resolved, type RuleHost, resolveRule } from './resolve-rule.ts'

/** One request of an application, however many attempts it takes. */
export interface RequestCall {
  readonly application: ApplicationId
  readonly counters: DeliveryCounters
  readonly policy: ApplicationPolicy
  readonly to: Target
  readonly payload: unknown
  readonly options: RequestOptions | undefined
  /** Of a contract; null for the untyped form. */
  readonly method: string | null
}

/** What a request needs of the node around it. */
export interface RequestHost extends RuleHost {
  readonly codec: PayloadCodec
  readonly scheduler: Scheduler
  readonly random: Random
  readonly memory: MemoryBudget
  problem(peer: NodeId): NodosumError | null
  lane(peer: NodeId, application: ApplicationId): Promise<OutboundRequests>
}

/** Codes that do not say that no handler ran. */
const mayHaveRun: ReadonlySet<string> = new Set([
  'ERR_NODOSUM_REMOTE_ERROR',
  'ERR_NODOSUM_DELIVERY_UNKNOWN',
  'ERR_NODOSUM_CANCELLED',
])

/** An idempotent request leaves room for this many attempts within its time. */
const idempotentAttempts = 3

/** What a request without a reply keeps beside its payload, roughly. */
const pendingBytes = 1_024

/** Sends a request until it has an answer, its time is over, or trying again would be wrong. */
export async function performRequest(call: RequestCall, host: RequestHost): Promise<unknown> {
  checkRequest(call.to, call.options)
  const request = new Request(call, host)
  let failure: unknown
  try {
    return await request.perform()
  } catch (error) {
    failure = error
    if (request.asked.length === 0) call.counters.refused += 1
    throw error
  } finally {
    call.policy.requestEnded(failure)
  }
}

class Request {
  /** Nodes to which it was sent, in order, one for each attempt. */
  readonly asked: NodeId[] = []
  readonly #call: RequestCall
  readonly #host: RequestHost
  readonly #timeoutMs: number
  readonly #untilMs: number
  readonly #attemptsMax: number
  readonly #idempotent: boolean
  readonly #signal: AbortSignal | undefined
  readonly #failed = new Set<NodeId>()
  readonly #busy = new Set<NodeId>()
  readonly #avoided: Avoided
  /** Why nobody knows whether an earlier attempt was handled; null when none was. */
  #ambiguous: NodosumError | null = null
  /** When the last attempt was sent. */
  #sentMs: number | null = null

  constructor(call: RequestCall, host: RequestHost) {
    const { options, policy } = call
    this.#call = call
    this.#host = drawnOnce(host, call.to)
    this.#timeoutMs = options?.timeoutMs ?? policy.settings.requestTimeoutMs
    this.#untilMs = host.scheduler.nowMs() + this.#timeoutMs
    this.#attemptsMax = options?.attemptsMax ?? policy.settings.attemptsMax
    this.#idempotent = options?.idempotent === true
    this.#signal = options?.signal
    const isOpen = (node: NodeId): boolean => policy.avoids(node)
    this.#avoided = { failed: this.#failed, busy: this.#busy, isOpen }
  }

  async perform(): Promise<unknown> {
    const { policy, payload } = this.#call
    const { scheduler, memory } = this.#host
    const encoded = this.#host.codec.encode(payload)
    if (!policy.isControl && memory.isShortFor('interactive')) {
      memory.refused += 1
      throw new NodosumError('ERR_NODOSUM_MEMORY_PRESSURE', memory.words)
    }
    policy.retries.requested(scheduler.nowMs())
    const bytes = encoded.bytes.length + pendingBytes
    memory.take(bytes)
    try {
      return await this.#try(encoded)
    } finally {
      memory.give(bytes)
    }
  }

  async #try(payload: EncodedPayload): Promise<unknown> {
    const { scheduler } = this.#host
    let reason: NodosumError | null = null
    let last: unknown
    for (let look = 0; ; look++) {
      if (this.#signal?.aborted) throw cancelled()
      const sent = this.asked.length
      let error: unknown
      try {
        const target = targetOf(this.#call, this.#host, this.#avoided, last)
        // Unless it answers; then nobody asks again.
        this.#failed.add(target.node)
        return await this.#call.policy.attempt(target.node, () => this.#attempt(target, payload))
      } catch (thrown) {
        error = thrown
      }
      last = error
      reason = reasonOf(error) ?? reason
      const waitMs = this.#waitBefore(look + 1, error, this.asked.length > sent)
      if (waitMs === null) throw this.#verdict(error, reason)
      await pause(waitMs, scheduler, this.#signal)
    }
  }

  /** What the caller is told at the end. A refusal says nothing of the attempts before it. */
  #verdict(error: unknown, reason: NodosumError | null): unknown {
    if (isNodosumError(error, 'ERR_NODOSUM_REQUEST_TIMEOUT')) {
      return late(this.#timeoutMs, this.asked, error)
    }
    const ambiguous = this.#ambiguous
    if (ambiguous === null || !isNodosumError(error) || mayHaveRun.has(error.code)) {
      return explained(error, reason)
    }
    const message = `an earlier attempt may have been handled (${ambiguous.message}); the last one was refused: ${error.message}`
    const details = { ...ambiguous.details, attempts: this.asked.length }
    return new NodosumError('ERR_NODOSUM_DELIVERY_UNKNOWN', message, { cause: error, details })
  }

  /** Sends it once. */
  async #attempt({ node, group }: Resolved, payload: EncodedPayload): Promise<unknown> {
    const { to, counters, application, options, policy, method } = this.#call
    const { scheduler } = this.#host
    const leftMs = this.#untilMs - scheduler.nowMs()
    const lane = await withDeadline(
      this.#host.lane(node, application),
      leftMs,
      scheduler,
      this.#signal,
    )
    const headers = encodeHeaders({
      key: keyOf(to),
      method,
      group,
      attempt: this.asked.length + 1,
      redelivered: this.#ambiguous !== null,
      headers: options?.headers,
    })
    const before = counters.accepted
    this.#sentMs = scheduler.nowMs()
    const restMs = this.#untilMs - this.#sentMs
    const attemptMs = this.#idempotent
      ? Math.min(
          restMs,
          Math.max(this.#timeoutMs / idempotentAttempts, policy.settings.retryBaseMs),
        )
      : restMs
    const reply = lane.request(payload, headers, Math.max(1, attemptMs), this.#signal)
    if (counters.accepted > before) this.asked.push(node)
    return reply
  }

  /**
   * How long to wait before looking again; null when that would be wrong or of no use.
   *
   * @param wasSent whether this attempt has left the node
   */
  #waitBefore(looks: number, error: unknown, wasSent: boolean): number | null {
    const { policy } = this.#call
    const { retryBaseMs, retryMaxMs } = policy.settings
    const code = isNodosumError(error) ? error.code : ''
    const declared = isNodosumError(error) && error.details.remoteRetryable === true
    const verdict = retryVerdict(code, declared)
    if (verdict === 'never' || (verdict === 'perhaps' && !this.#idempotent)) return null
    const node = this.asked.at(-1)
    if (verdict === 'perhaps' && wasSent) this.#ambiguous = error as NodosumError
    if (verdict === 'elsewhere') {
      if (!wasSent || node === undefined) return null
      this.#busy.add(node)
      if (!hasTarget(this.#call, this.#host, this.#avoided)) return null
    }
    if (this.asked.length >= this.#attemptsMax) return null
    const nowMs = this.#host.scheduler.nowMs()
    const backoff = { baseMs: retryBaseMs, maxMs: retryMaxMs, attempt: looks - 1 }
    const waitMs = fullJitter(backoff, this.#host.random)
    // An attempt whose answer cannot come in time would turn a clear refusal into an open question.
    const answerMs = verdict === 'perhaps' ? 0 : nowMs - (wasSent ? (this.#sentMs ?? nowMs) : nowMs)
    const enoughMs = Math.max(retryBaseMs, 2 * answerMs)
    if (this.#untilMs - nowMs - waitMs < enoughMs) return null
    // Looking for a node or a session again is no load for anybody.
    if (wasSent && !policy.retries.tryRetry(nowMs, policy.settings)) {
      return null
    }
    return waitMs
  }
}

/**
 * Whom to ask next.
 *
 * @param last why the last attempt came to nothing
 * @throws `NO_TARGET`, or what is wrong with the nodes that were named
 */
export function targetOf(
  { to, application }: Pick<RequestCall, 'to' | 'application'>,
  host: Pick<RequestHost, keyof RuleHost | 'problem'>,
  avoided: Avoided,
  last: unknown,
): Resolved {
  if (isRule(to)) return resolveRule(to, application, host, avoided)
  const nodes = (typeof to === 'string' ? [to] : to).map((id) => parseNodeId(id, 'to'))
  const present = nodes.filter((node) => host.problem(node) === null)
  const node = among(present, host.any, avoided)
  if (node !== undefined) return { node, group: null }
  const [first] = nodes
  const problem = first === undefined ? null : host.problem(first)
  if (problem !== null) throw problem
  if (isNodosumError(last)) throw last
  throw new NodosumError('ERR_NODOSUM_NO_TARGET', 'none of the nodes is there')
}

/** Whether anybody is left to ask. */
export function hasTarget(
  call: Pick<RequestCall, 'to' | 'application'>,
  host: Pick<RequestHost, keyof RuleHost | 'problem'>,
  avoided: Avoided,
): boolean {
  try {
    targetOf(call, host, avoided, undefined)
    return true
  } catch {
    return false
  }
}

/** All attempts of one call go to the same part of a canary. */
export function drawnOnce<Host extends RuleHost>(host: Host, to: Target): Host {
  if (!isRule(to) || to.canary === undefined) return host
  const drawn = host.draw()
  return { ...host, draw: () => drawn }
}

/** An error that says no more than that there is no session, with why the last attempt had none. */
function explained(error: unknown, reason: NodosumError | null): unknown {
  const isBare = isNodosumError(error, 'ERR_NODOSUM_NOT_CONNECTED') && error.cause === undefined
  return isBare && reason !== null ? notConnected(error.message, reason) : error
}

/** What the caller gets whose time is over: its own time, not that of the last attempt. */
function late(timeoutMs: number, asked: readonly NodeId[], cause: unknown): NodosumError {
  const nodes = [...new Set(asked)]
  const attempts = asked.length === 1 ? '' : ` (${asked.length} attempts)`
  const message = `${nodes.join(', ')} did not reply within ${timeoutMs} ms${attempts}`
  const details = { node: asked.at(-1) ?? null, attempts: asked.length }
  return new NodosumError('ERR_NODOSUM_REQUEST_TIMEOUT', message, { cause, details })
}
