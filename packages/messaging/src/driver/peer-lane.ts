import {
  BoundedQueue,
  type ErrorCode,
  isNodosumError,
  type NodeId,
  NodosumError,
  type Scheduler,
  type TimerHandle,
} from '@nodosum/kernel'
import type { EncodedPayload } from '../adapters/cbor-payload.ts'
import type { Importance, MemoryBudget } from '../core/memory-budget.ts'
import { notConnected, reasonOf } from './failure.ts'
import type { Confirmation, OutboundMessages } from './outbound-messages.ts'

export interface SendSettings {
  readonly confirm: 'accepted' | 'received' | 'handled'
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** Whether it waits while the buffer is full; for a session it waits anyway. */
  readonly waitsForRoom: boolean
}

/** A send that was not accepted yet. */
interface Waiting {
  /** Null once it was accepted: then the stream has it. */
  payload: EncodedPayload | null
  readonly headers: Uint8Array | null
  readonly settings: SendSettings
  readonly settle: (error: NodosumError | null) => void
  accepted: boolean
  done: boolean
  /** What of the node's memory it keeps while it waits. */
  heldBytes: number
}

/** What a peer lane needs of the node around it. */
export interface PeerLaneHost {
  readonly scheduler: Scheduler
  readonly memory: MemoryBudget
  readonly importance: Importance
  /** The lane over the session that there is, or null. */
  open(peer: NodeId): OutboundMessages | null
  /** Resolves when there is a session. */
  connect(peer: NodeId): Promise<void>
  /** Null for a peer that may be sent to, else why not. */
  problem(peer: NodeId): NodosumError | null
  refused(): void
}

const reconnectMs = 100

/** What a send that waits keeps beside its payload, roughly. */
const waitingBytes = 512

/**
 * One lane to one node over as many sessions as it takes, and over as many lanes of each: an idle one
 * is closed, when everything sent on it is confirmed, and the next send opens another. Sends that
 * have to wait, for room or for a session, wait here in their order; whatever comes later waits
 * behind them.
 */
export class PeerLane {
  readonly peer: NodeId
  readonly #host: PeerLaneHost
  readonly #waiting: BoundedQueue<Waiting>
  #out: OutboundMessages | null = null
  #connecting = false
  #lastError: NodosumError | null = null

  constructor(peer: NodeId, host: PeerLaneHost, waitingMax: number) {
    this.peer = peer
    this.#host = host
    this.#waiting = new BoundedQueue(waitingMax)
  }

  get waiting(): number {
    return this.#waiting.size
  }

  trySend(payload: EncodedPayload, headers: Uint8Array | null = null): 'accepted' | ErrorCode {
    while (this.#waiting.peek()?.done) this.#waiting.poll()
    const out = this.#live()
    let result: 'accepted' | ErrorCode = 'ERR_NODOSUM_NOT_CONNECTED'
    if (this.#waiting.size > 0) result = 'ERR_NODOSUM_BACKPRESSURE'
    else if (out !== null) result = out.offer(payload, headers, 'accepted', null)
    else {
      const problem = this.#host.problem(this.peer)
      if (problem === null) this.#connect()
      else result = problem.code
    }
    if (result !== 'accepted') this.#host.refused()
    return result
  }

  /** The error behind a code with which `trySend` has just refused a payload. */
  explain(code: ErrorCode, payload: EncodedPayload, headers: Uint8Array | null): NodosumError {
    switch (code) {
      case 'ERR_NODOSUM_NOT_CONNECTED':
        return notConnected(`there is no session to ${this.peer} yet`, this.#lastError)
      case 'ERR_NODOSUM_MESSAGE_TOO_LARGE':
        if (this.#out !== null) return this.#out.tooLarge(payload, headers)
        break
      case 'ERR_NODOSUM_BACKPRESSURE':
        return this.#noRoom()
    }
    const problem = this.#host.problem(this.peer)
    return problem ?? new NodosumError(code, `a message to ${this.peer} was refused`)
  }

  /** Settles as `SendSettings.confirm` says; waits for room and for a session. */
  send(payload: EncodedPayload, headers: Uint8Array | null, settings: SendSettings): Promise<void> {
    return new Promise((resolve, reject) => {
      const problem = this.#host.problem(this.peer)
      if (problem !== null || settings.signal?.aborted) {
        this.#host.refused()
        return reject(problem ?? cancelled())
      }
      while (this.#waiting.peek()?.done) this.#waiting.poll()
      const waiting = this.#entry(payload, headers, settings, resolve, reject)
      if (this.#waiting.size === 0 && this.#offer(waiting)) return
      const refusal = this.#keep(waiting, payload)
      if (refusal !== null) waiting.settle(refusal)
      else if (this.#out === null || this.#out.lane.closed) this.#connect()
    })
  }

  /** Lets a send wait, or says why it may not. */
  #keep(waiting: Waiting, payload: EncodedPayload): NodosumError | null {
    const { memory, importance } = this.#host
    if (!waiting.settings.waitsForRoom && this.#out !== null) return this.#noRoom()
    if (memory.isShortFor(importance)) {
      memory.refused += 1
      return new NodosumError('ERR_NODOSUM_MEMORY_PRESSURE', memory.words)
    }
    if (!this.#waiting.offer(waiting)) {
      const message = `${this.#waiting.max} sends to ${this.peer} wait already (waitingSendsMax)`
      return new NodosumError('ERR_NODOSUM_LIMIT_PENDING', message)
    }
    waiting.heldBytes = payload.bytes.length + waitingBytes
    memory.take(waiting.heldBytes)
    return null
  }

  /** It waits no longer, and its payload is needed no longer. */
  #release(waiting: Waiting): void {
    waiting.payload = null
    this.#host.memory.give(waiting.heldBytes)
    waiting.heldBytes = 0
  }

  #noRoom(): NodosumError {
    return new NodosumError('ERR_NODOSUM_BACKPRESSURE', `no room for a message to ${this.peer}`)
  }

  /** What was not accepted waits on for the next session. */
  sessionLost(): void {
    this.#out = null
    if (this.#waiting.size > 0) this.#connect()
  }

  /** The node closes: nothing that waits is going to leave. */
  close(error: NodosumError): void {
    for (const waiting of this.#waiting.clear()) waiting.settle(error)
  }

  #entry(
    payload: EncodedPayload,
    headers: Uint8Array | null,
    settings: SendSettings,
    resolve: () => void,
    reject: (error: NodosumError) => void,
  ): Waiting {
    let timer: TimerHandle | null = null
    const abort = (): void => waiting.settle(cancelled())
    const waiting: Waiting = {
      payload,
      headers,
      settings,
      accepted: false,
      done: false,
      heldBytes: 0,
      settle: (error) => {
        if (waiting.done) return
        waiting.done = true
        this.#release(waiting)
        timer?.cancel()
        settings.signal?.removeEventListener('abort', abort)
        if (error === null) return resolve()
        if (!waiting.accepted) this.#host.refused()
        reject(error)
      },
    }
    timer = this.#host.scheduler.after(settings.timeoutMs, () =>
      waiting.settle(this.#late(waiting)),
    )
    settings.signal?.addEventListener('abort', abort, { once: true })
    return waiting
  }

  /** Why a send did not end in time. */
  #late(waiting: Waiting): NodosumError {
    const { timeoutMs } = waiting.settings
    if (waiting.accepted) {
      const message = `${this.peer} did not confirm within ${timeoutMs} ms`
      return new NodosumError('ERR_NODOSUM_DELIVERY_UNKNOWN', message)
    }
    if (this.#out === null) {
      return notConnected(`no session to ${this.peer} within ${timeoutMs} ms`, this.#lastError)
    }
    const message = `no room for a message to ${this.peer} within ${timeoutMs} ms`
    return new NodosumError('ERR_NODOSUM_BACKPRESSURE', message)
  }

  /** True when the send needs to wait no longer, for better or worse. */
  #offer(waiting: Waiting): boolean {
    const { payload } = waiting
    if (waiting.done || payload === null) return true
    const out = this.#live()
    if (out === null) return false
    const { confirm } = waiting.settings
    const confirmation: Confirmation | null =
      confirm === 'accepted'
        ? null
        : { confirmed: () => waiting.settle(null), failed: (error) => waiting.settle(error) }
    const result = out.offer(payload, waiting.headers, confirm, confirmation)
    if (result === 'accepted') {
      waiting.accepted = true
      this.#release(waiting)
      if (confirmation === null) waiting.settle(null)
      return true
    }
    if (result === 'ERR_NODOSUM_BACKPRESSURE' && !waiting.settings.waitsForRoom) {
      waiting.settle(this.#noRoom())
      return true
    }
    if (result === 'ERR_NODOSUM_BACKPRESSURE' || result === 'ERR_NODOSUM_NOT_CONNECTED') {
      return false
    }
    waiting.settle(out.tooLarge(payload, waiting.headers))
    return true
  }

  #live(): OutboundMessages | null {
    if (this.#out !== null && !this.#out.lane.closed) return this.#out
    this.#out = this.#host.open(this.peer)
    if (this.#out === null) return null
    this.#out.lane.onRoom = () => this.#pump()
    this.#out.onRefused = (error) => this.#refuseWaiting(error)
    return this.#out
  }

  #pump(): void {
    for (;;) {
      const next = this.#waiting.peek()
      if (next === undefined) return
      if (!this.#offer(next)) break
      this.#waiting.poll()
    }
    if (this.#out === null) this.#connect()
  }

  /** One of the two ends refuses the other, or the lane: waiting changes nothing. */
  #refuseWaiting(error: NodosumError): void {
    for (const waiting of this.#waiting.clear()) waiting.settle(error)
  }

  #connect(): void {
    if (this.#connecting) return
    this.#connecting = true
    this.#host.connect(this.peer).then(
      () => {
        this.#connecting = false
        this.#lastError = null
        this.#pump()
      },
      (error: unknown) => {
        this.#lastError = isNodosumError(error) ? error : null
        if (reasonOf(error)?.class === 'security') {
          this.#refuseWaiting(notConnected(`there is no session to ${this.peer}`, this.#lastError))
        }
        this.#host.scheduler.after(reconnectMs, () => {
          this.#connecting = false
          // Those whose time is over leave; the others try again.
          while (this.#waiting.peek()?.done) this.#waiting.poll()
          if (this.#waiting.size > 0) this.#connect()
        })
      },
    )
  }
}

function cancelled(): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', 'the send was aborted by its caller')
}
