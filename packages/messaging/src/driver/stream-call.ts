import {
  type ApplicationId,
  fullJitter,
  isNodosumError,
  type NodeId,
  NodosumError,
  type TimerHandle,
} from '@nodosum/kernel'
import type { DeliveryCounters } from '../core/delivery-ledger.ts'
import { retryVerdict } from '../core/retry-rule.ts'
import { keyOf, type Target } from '../core/target.ts'
import { encodeHeaders } from '../wire/envelope.ts'
import type { ApplicationPolicy } from './application-policy.ts'
import { drawnOnce, hasTarget, type RequestHost, targetOf } from './request-call.ts'
import { pause, withDeadline } from './request-waits.ts'
import { type StreamConsumer, streamEnd } from './stream-consumer.ts'
import type { StreamLane } from './stream-lane.ts'

export interface StreamOptions {
  /** How long the stream may take from its first item asked for: 1 ms to a day. Default: any time. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Texts beside the input; see `SendOptions.headers`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** One streaming call by contract. */
export interface StreamRequest {
  readonly application: ApplicationId
  readonly method: string
  readonly counters: DeliveryCounters
  readonly policy: ApplicationPolicy
  readonly to: Target
  readonly options: StreamOptions
  /** The input, once its schema has taken it. */
  readonly input: () => Promise<unknown>
  /** What the schema makes of an item. */
  readonly check: (item: unknown) => Promise<unknown>
  /** What the caller is told of an error. */
  readonly explain: (error: unknown) => Promise<unknown>
}

/** What a stream needs of the node around it. */
export interface StreamHost extends RequestHost {
  streams(peer: NodeId, application: ApplicationId): Promise<StreamLane>
}

const done: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * The items of one streaming call. Nothing happens before the first is asked for; a refusal that
 * comes before the handler ran is tried again, elsewhere where the target allows it, for
 * `requestTimeoutMs`. However it ends, the producer hears of it.
 */
export class StreamCall implements AsyncIterableIterator<unknown> {
  readonly #call: StreamRequest
  readonly #host: StreamHost
  /** Aborts what opening waits for. */
  readonly #ending = new AbortController()
  #consumer: StreamConsumer | null = null
  #isOver = false
  #hasBegun = false
  /** Why it was ended from here. */
  #reason: NodosumError | null = null
  #timer: TimerHandle | null = null
  /** Steps that were asked for at once take their turns. */
  #tail: Promise<unknown> = Promise.resolve()

  constructor(call: StreamRequest, host: StreamHost) {
    this.#call = call
    this.#host = host
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const step = this.#tail.then(() => this.#next())
    this.#tail = step.catch(() => undefined)
    return step
  }

  /** Ends the stream at both ends; a step that waits resolves to the end as well. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#finish()
    return done
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#isOver) return done
    try {
      if (!this.#hasBegun) this.#begin()
      this.#consumer ??= await this.#open()
      const item = await this.#consumer.take()
      if (this.#isOver) return done
      if (item === streamEnd) {
        if (this.#reason !== null) throw this.#reason
        this.#finish()
        return done
      }
      const value = await this.#call.check(item)
      return this.#isOver ? done : { done: false, value }
    } catch (error) {
      if (this.#isOver) return done
      this.#finish()
      throw await this.#call.explain(this.#reason ?? error)
    }
  }

  #begin(): void {
    this.#hasBegun = true
    const { timeoutMs, signal } = this.#call.options
    if (signal?.aborted) throw cancelled()
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (timeoutMs === undefined) return
    this.#timer = this.#host.scheduler.after(timeoutMs, () => {
      const message = `the stream did not end within ${timeoutMs} ms`
      this.#end(new NodosumError('ERR_NODOSUM_REQUEST_TIMEOUT', message))
    })
  }

  readonly #abort = (): void => this.#end(cancelled())

  /** Ends it with an error for its caller. */
  #end(error: NodosumError): void {
    this.#reason ??= error
    this.#ending.abort()
    this.#consumer?.stop(error)
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#timer?.cancel()
    this.#call.options.signal?.removeEventListener('abort', this.#abort)
    this.#ending.abort()
    this.#consumer?.stop(null)
  }

  async #open(): Promise<StreamConsumer> {
    const asked: NodeId[] = []
    try {
      return await this.#tryToOpen(asked)
    } catch (error) {
      if (asked.length === 0) this.#call.counters.refused += 1
      throw error
    }
  }

  /** @param asked nodes to which it was sent, in order, one for each attempt */
  async #tryToOpen(asked: NodeId[]): Promise<StreamConsumer> {
    const { to, method, policy } = this.#call
    const host = drawnOnce(this.#host, to)
    const { scheduler, random, codec } = host
    const payload = codec.encode(await this.#call.input())
    const { signal } = this.#ending
    const { retryBaseMs, retryMaxMs, requestTimeoutMs, attemptsMax } = policy.settings
    const startedMs = scheduler.nowMs()
    const leftMs = (): number => startedMs + requestTimeoutMs - scheduler.nowMs()
    const failed = new Set<NodeId>()
    const busy = new Set<NodeId>()
    const avoided = { failed, busy, isOpen: (node: NodeId) => policy.avoids(node) }
    policy.retries.requested(startedMs)
    for (let look = 0; ; look++) {
      if (this.#isOver || this.#reason !== null) throw this.#reason ?? cancelled()
      const sent = asked.length
      try {
        const { node, group } = targetOf(this.#call, host, avoided, null)
        failed.add(node)
        const opening = host.streams(node, this.#call.application)
        const lane = await withDeadline(opening, leftMs(), scheduler, signal)
        const { headers: given } = this.#call.options
        const envelope = { key: keyOf(to), method, group, attempt: sent + 1, headers: given }
        const headers = encodeHeaders(envelope)
        const consumer = lane.open(payload, headers, this.#leftMs(startedMs))
        asked.push(node)
        this.#consumer = consumer
        await consumer.answered()
        if (consumer.refusal === null || askAgain(consumer.refusal) === null) return consumer
        throw consumer.refusal
      } catch (error) {
        this.#consumer = null
        const backoff = { baseMs: retryBaseMs, maxMs: retryMaxMs, attempt: look }
        const waitMs = fullJitter(backoff, random)
        const where = askAgain(error)
        const wasSent = asked.length > sent
        if (where === null || waitMs + retryBaseMs > leftMs() || asked.length >= attemptsMax) {
          throw error
        }
        if (where === 'elsewhere') {
          if (wasSent) busy.add(asked.at(-1) as NodeId)
          if (!hasTarget(this.#call, host, avoided)) throw error
        }
        // Looking for a node or a session again is no load for anybody.
        const isOverBudget = wasSent && !policy.retries.tryRetry(scheduler.nowMs(), policy.settings)
        if (isOverBudget) throw error
        await pause(waitMs, scheduler, signal)
      }
    }
  }

  /** What is left of the time that the caller gave. */
  #leftMs(startedMs: number): number | null {
    const { timeoutMs } = this.#call.options
    if (timeoutMs === undefined) return null
    return Math.max(1, startedMs + timeoutMs - this.#host.scheduler.nowMs())
  }
}

/** Where to ask again after a refusal, when the handler certainly did not run; null for nowhere. */
function askAgain(error: unknown): 'again' | 'elsewhere' | null {
  const verdict = isNodosumError(error) ? retryVerdict(error.code, false) : 'never'
  return verdict === 'again' || verdict === 'elsewhere' ? verdict : null
}

function cancelled(): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', 'the stream was aborted by its caller')
}
