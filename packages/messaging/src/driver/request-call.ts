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
import type { DeliveryCounters } from '../core/delivery-ledger.ts'
import type { Target } from '../core/target.ts'
import type { MessagingOptions } from '../options.ts'
import { encodeHeaders } from '../wire/message-frames.ts'
import type { ApplicationHost, RequestOptions } from './application.ts'
import { checkRequest } from './call-checks.ts'
import { notConnected, reasonOf } from './failure.ts'
import type { OutboundRequests } from './outbound-requests.ts'
import { resolveRule } from './resolve-rule.ts'

/** One request of an application, however many attempts it takes. */
export interface RequestCall {
  readonly application: ApplicationId
  readonly counters: DeliveryCounters
  readonly to: Target
  readonly payload: unknown
  readonly options: RequestOptions | undefined
  /** Of a contract; null for the untyped form. */
  readonly method: string | null
}

/** What a request needs of the node around it. */
export interface RequestHost
  extends Pick<ApplicationHost, 'candidates' | 'owner' | 'any' | 'nearest' | 'codec'> {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly options: MessagingOptions
  problem(peer: NodeId): NodosumError | null
  lane(peer: NodeId, application: ApplicationId): Promise<OutboundRequests>
}

/** Refusals after which the handler certainly did not run. */
export const neverRan: ReadonlySet<string> = new Set([
  'ERR_NODOSUM_NOT_CONNECTED',
  'ERR_NODOSUM_CONNECT_TIMEOUT',
  'ERR_NODOSUM_CONNECTION_LOST',
  'ERR_NODOSUM_PEER_DRAINING',
  'ERR_NODOSUM_NO_TARGET',
  'ERR_NODOSUM_NOT_OWNER',
  'ERR_NODOSUM_BACKPRESSURE',
])

/** What may be tried again when running twice does no harm. */
const ambiguous: ReadonlySet<string> = new Set([
  'ERR_NODOSUM_REQUEST_TIMEOUT',
  'ERR_NODOSUM_DELIVERY_UNKNOWN',
])

/** An idempotent request leaves room for this many attempts within its time. */
const idempotentAttempts = 3

/** Sends a request until it has an answer, its time is over, or trying again would be wrong. */
export async function performRequest(call: RequestCall, host: RequestHost): Promise<unknown> {
  checkRequest(call.to, call.options)
  const acceptance = { accepted: false }
  try {
    return await tryRequest(call, host, acceptance)
  } catch (error) {
    if (!acceptance.accepted) call.counters.refused += 1
    throw error
  }
}

async function tryRequest(
  call: RequestCall,
  host: RequestHost,
  acceptance: { accepted: boolean },
): Promise<unknown> {
  const payload = host.codec.encode(call.payload)
  const { retryBaseMs, retryMaxMs, requestTimeoutMs } = host.options
  const timeoutMs = call.options?.timeoutMs ?? requestTimeoutMs
  const idempotent = call.options?.idempotent === true
  const signal = call.options?.signal
  const untilMs = host.scheduler.nowMs() + timeoutMs
  let reason: NodosumError | null = null
  const asked: NodeId[] = []
  const failed = new Set<NodeId>()
  for (let attempt = 0; ; attempt++) {
    if (signal?.aborted) throw cancelled()
    let error: unknown
    let sentMs: number | null = null
    try {
      const { node, headers } = targetOf(call, host, failed)
      // Unless it answers; then nobody asks again.
      failed.add(node)
      const leftMs = untilMs - host.scheduler.nowMs()
      const attemptMs = idempotent
        ? Math.min(leftMs, Math.max(timeoutMs / idempotentAttempts, retryBaseMs))
        : leftMs
      const lane = await withDeadline(host.lane(node, call.application), leftMs, host, signal)
      const before = call.counters.accepted
      sentMs = host.scheduler.nowMs()
      const reply = lane.request(payload, headers, Math.max(1, attemptMs), signal)
      if (call.counters.accepted > before) {
        acceptance.accepted = true
        asked.push(node)
      }
      return await reply
    } catch (thrown) {
      error = thrown
    }
    const code = isNodosumError(error) ? error.code : ''
    const again = neverRan.has(code) || (idempotent && ambiguous.has(code))
    const nowMs = host.scheduler.nowMs()
    const waitMs = fullJitter({ baseMs: retryBaseMs, maxMs: retryMaxMs, attempt }, host.random)
    reason = reasonOf(error) ?? reason
    // An attempt whose answer cannot come in time would turn a clear refusal into an open question.
    const answerMs = neverRan.has(code) ? nowMs - (sentMs ?? nowMs) : 0
    const enoughMs = Math.max(retryBaseMs, 2 * answerMs)
    if (!again || untilMs - nowMs - waitMs < enoughMs) {
      if (code === 'ERR_NODOSUM_REQUEST_TIMEOUT') throw late(timeoutMs, asked, error)
      throw explained(error, reason)
    }
    await sleep(waitMs, host.scheduler, signal)
  }
}

/** An error that says no more than that there is no session, with why the last attempt had none. */
function explained(error: unknown, reason: NodosumError | null): unknown {
  const isBare = isNodosumError(error, 'ERR_NODOSUM_NOT_CONNECTED') && error.cause === undefined
  return isBare && reason !== null ? notConnected(error.message, reason) : error
}

export function targetOf(
  call: Pick<RequestCall, 'to' | 'application' | 'method'>,
  host: RequestHost,
  failed: ReadonlySet<NodeId>,
): { node: NodeId; headers: Uint8Array | null } {
  const { to, method } = call
  if (typeof to === 'object' && 'kind' in to) {
    return resolveRule(to, call.application, host, failed, method)
  }
  const nodes = (typeof to === 'string' ? [to] : to).map((id) => parseNodeId(id, 'to'))
  const present = nodes.filter((node) => host.problem(node) === null)
  const node = host.any(present)
  if (node !== undefined) {
    return { node, headers: method === null ? null : encodeHeaders(null, method) }
  }
  const [first] = nodes
  const problem = first === undefined ? null : host.problem(first)
  throw problem ?? new NodosumError('ERR_NODOSUM_NO_TARGET', 'none of the nodes is there')
}

/** Gives up waiting for a session when the request's time is over. */
export function withDeadline<T>(
  work: Promise<T>,
  leftMs: number,
  host: Pick<RequestHost, 'scheduler'>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = host.scheduler.after(Math.max(1, leftMs), () => {
      release()
      reject(new NodosumError('ERR_NODOSUM_NOT_CONNECTED', 'no session before the deadline'))
    })
    const abort = (): void => {
      release()
      reject(cancelled())
    }
    const release = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
    }
    signal?.addEventListener('abort', abort, { once: true })
    work.then(
      (value) => {
        release()
        resolve(value)
      },
      (error: Error) => {
        release()
        reject(error)
      },
    )
  })
}

export function sleep(
  delayMs: number,
  scheduler: Scheduler,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer.cancel()
      reject(cancelled())
    }
    const timer = scheduler.after(delayMs, () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/** What the caller gets whose time is over: its own time, not that of the last attempt. */
function late(timeoutMs: number, asked: readonly NodeId[], cause: unknown): NodosumError {
  const nodes = [...new Set(asked)]
  const attempts = asked.length === 1 ? '' : ` (${asked.length} attempts)`
  const message = `${nodes.join(', ')} did not reply within ${timeoutMs} ms${attempts}`
  const details = { node: asked.at(-1) ?? null, attempts: asked.length }
  return new NodosumError('ERR_NODOSUM_REQUEST_TIMEOUT', message, { cause, details })
}

function cancelled(): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', 'the request was aborted by its caller')
}
