import { BoundedMap, NodosumError, utf8Encode } from '@nodosum/kernel'
import { wireLimits } from '../wire/limits.ts'
import type { EventStatement } from '../wire/statement.ts'
import type { ProtocolRules } from './rules.ts'

/** An application's news, as it is handed over. */
export interface UserEvent {
  readonly from: string
  readonly name: string
  /** 0 to 512 bytes. */
  readonly payload: Uint8Array
  /** Counts the events of this boot of its sender, from 1 on. */
  readonly sequence: number
}

/** Senders that are remembered; the one heard from longest ago makes room. */
const originsMax = 4_096
/** Events of one sender that wait for an earlier one. */
const waitingMax = 64
/** How long they wait before what is missing is given up. */
const gapMs = 5_000
/** The first that is heard of an origin waits for earlier ones only so long: there may be none. */
const firstMs = 1_000

interface Origin {
  readonly bootTag: number
  /** All up to here were delivered or given up. */
  delivered: number
  /** Whether nothing of it was delivered yet, so that nothing is missing either. */
  isNew: boolean
  readonly waiting: Map<number, EventStatement>
  gapUntilMs: number
}

/**
 * Events of each origin in the order in which it sent them, each once. One that arrives too early
 * waits; what is missing for 5 s is given up and counted. An origin that was not heard before
 * starts with the lowest that arrives within a second.
 */
export class UserEvents {
  /** Events that never arrived although later ones did. */
  lost = 0
  readonly #origins = new BoundedMap<string, Origin>(originsMax)
  readonly #ready: EventStatement[] = []
  readonly #rules: ProtocolRules

  constructor(rules: ProtocolRules) {
    this.#rules = rules
  }

  /** Whether the event is new, so that it is worth passing on. */
  heard(nowMs: number, event: EventStatement): boolean {
    const origin = this.#originOf(event)
    if (event.sequence <= origin.delivered || origin.waiting.has(event.sequence)) return false
    if (origin.waiting.size >= waitingMax) this.#giveUp(origin)
    origin.waiting.set(event.sequence, event)
    this.#deliver(nowMs, origin)
    return true
  }

  /** The next event to hand over. */
  next(): UserEvent | undefined {
    const event = this.#ready.shift()
    if (event === undefined) return undefined
    const { nodeId, name, payload, sequence } = event
    return { from: nodeId, name, payload, sequence }
  }

  /** When something waits for too long; infinite when nothing waits. */
  gapDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const origin of this.#origins.values()) {
      if (origin.waiting.size > 0) next = Math.min(next, origin.gapUntilMs)
    }
    return next
  }

  /** Gives up what did not come in time. */
  expire(nowMs: number): void {
    for (const origin of this.#origins.values()) {
      if (origin.waiting.size === 0 || origin.gapUntilMs > nowMs) continue
      this.#giveUp(origin)
      this.#deliver(nowMs, origin)
    }
  }

  #originOf(event: EventStatement): Origin {
    const known = this.#origins.get(event.nodeId)
    if (known?.bootTag === event.bootTag) return known
    const fresh: Origin = {
      bootTag: event.bootTag,
      delivered: 0,
      isNew: true,
      waiting: new Map(),
      gapUntilMs: Number.POSITIVE_INFINITY,
    }
    this.#origins.delete(event.nodeId)
    if (this.#origins.isFull) this.#origins.delete(this.#origins.oldestKey() as string)
    this.#origins.set(event.nodeId, fresh)
    return fresh
  }

  /** The lowest that waits becomes the next one. */
  #giveUp(origin: Origin): void {
    const lowest = Math.min(...origin.waiting.keys())
    if (!origin.isNew) this.lost += lowest - origin.delivered - 1
    origin.delivered = lowest - 1
  }

  #deliver(nowMs: number, origin: Origin): void {
    for (;;) {
      const next = origin.waiting.get(origin.delivered + 1)
      if (next === undefined) break
      origin.waiting.delete(next.sequence)
      origin.delivered = this.#rules.deliveredUpTo(next.sequence)
      origin.isNew = false
      this.#ready.push(next)
    }
    const waits = origin.isNew ? firstMs : gapMs
    origin.gapUntilMs = origin.waiting.size === 0 ? Number.POSITIVE_INFINITY : nowMs + waits
  }
}

/** @throws ERR_NODOSUM_MESSAGE_TOO_LARGE when an event does not fit into a packet beside others */
export function checkEvent(name: string, payload: Uint8Array): void {
  const { eventNameBytes, eventPayloadBytes } = wireLimits
  const nameBytes = utf8Encode(name).length
  if (nameBytes <= eventNameBytes && payload.length <= eventPayloadBytes) return
  throw new NodosumError(
    'ERR_NODOSUM_MESSAGE_TOO_LARGE',
    `an event has a name of up to ${eventNameBytes} and a payload of up to ${eventPayloadBytes} bytes, not ${nameBytes} and ${payload.length}`,
  )
}
