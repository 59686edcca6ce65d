import { type BoundedMap, BoundedQueue, ByteReader } from '@nodosum/kernel'
import { frameType, mustUnderstand } from '../wire/frame.ts'
import {
  decodeClose,
  decodeRefuse,
  encodeClose,
  encodeRefuse,
  type LaneEnd,
  type LaneRefusal,
} from '../wire/lane-end.ts'
import type { Open } from '../wire/open.ts'
import { LaneNumbers } from './lane-numbers.ts'
import {
  type LaneRecord,
  type LaneSnapshot,
  laneSnapshot,
  StreamTotals,
  sightOf,
} from './lane-record.ts'
import type { ReceiveStream } from './receive-stream.ts'
import type { SessionRules } from './rules.ts'
import type { SendStream } from './send-stream.ts'
import type { Reaped, SessionLimits } from './session-shapes.ts'
import { StreamTimes } from './stream-state.ts'

/** Lanes that are gone and can still be looked at. */
const pastMax = 16

/** Refusals that a peer has not heard of. More than a peer may have lanes: it does not listen. */
const refusalsMax = 1_000

const deaf = 'the peer opens lanes and does not listen to refusals'

/**
 * How the lanes of one session begin and end: which are taken, when those that nobody uses are
 * closed, and what becomes of them. CLOSE and REFUSE travel on the control stream, so they come in
 * order, over whatever connection, and no paused lane holds them up.
 */
export class LaneLifecycle {
  readonly totals: StreamTotals = new StreamTotals()
  /** Lanes that are gone, the last ones. */
  readonly #past: BoundedQueue<LaneRecord> = new BoundedQueue(pastMax)
  readonly #records = new Map<SendStream | ReceiveStream, LaneRecord>()
  readonly #outgoing: BoundedMap<number, SendStream>
  readonly #incoming: BoundedMap<number, ReceiveStream>
  readonly #control: SendStream
  readonly #limits: SessionLimits
  readonly #rules: SessionRules
  /** Lanes of this end whose CLOSE is out, with its sequence. */
  readonly #closing = new Map<SendStream, number>()
  /** Lanes of the peer that were refused and of which it does not know, with REFUSE's sequence. */
  readonly #refused = new Map<number, { lane: ReceiveStream | null; sequence: number }>()
  readonly #numbers = new LaneNumbers()
  #last = 0
  /** Began or ended since the last turn. */
  #changed: LaneRecord[] = []
  /** Their byte streams may end. */
  #ended: number[] = []

  constructor(options: {
    outgoing: BoundedMap<number, SendStream>
    incoming: BoundedMap<number, ReceiveStream>
    control: SendStream
    limits: SessionLimits
    rules: SessionRules
  }) {
    this.#outgoing = options.outgoing
    this.#incoming = options.incoming
    this.#control = options.control
    this.#limits = options.limits
    this.#rules = options.rules
  }

  /** Which lanes have ended since the last call, so that their byte streams may. */
  takeEnded(): readonly number[] {
    return this.#ended.length === 0 ? this.#ended : this.#ended.splice(0)
  }

  turn(nowMs: number): void {
    if (this.#changed.length === 0) return
    for (const record of this.#changed) {
      record.times ??= new StreamTimes(nowMs)
      if (record.isOver) record.times.enter(nowMs, 'closed')
    }
    this.#changed = []
  }

  // Lanes of this end

  /** Why this end may not open one more lane for an application; null when it may. */
  problem(application: string): string | null {
    const open = [...this.#outgoing.values()].filter((lane) => !this.#closing.has(lane))
    return this.#tooMany(
      open.map((lane) => this.#openOf(lane)),
      application,
    )
  }

  nextNumber(): number {
    this.#last = this.#rules.laneNumber(this.#last)
    return this.#last
  }

  opening(lane: SendStream, open: Open): void {
    this.#begin(lane, open)
  }

  /** Whether this is the number of a lane of this end that is gone. */
  isPast(stream: number): boolean {
    return stream > 0 && stream <= this.#last && !this.#outgoing.has(stream)
  }

  /** The peer has acknowledged more of the control stream. */
  settle(): void {
    if (this.#closing.size === 0 && this.#refused.size === 0) return
    const { acknowledgedFrames } = this.#control
    for (const [lane, sequence] of this.#closing) {
      if (!this.#rules.knowsOfClose(acknowledgedFrames, sequence)) continue
      this.#closing.delete(lane)
      this.#forget(lane, null)
    }
    for (const [number, { sequence }] of this.#refused) {
      if (sequence <= acknowledgedFrames) this.#refused.delete(number)
    }
  }

  // Lanes of the peer

  /**
   * Takes a lane that the peer opens, or refuses it. Returns what is wrong with the peer, null for
   * nothing.
   *
   * @param offer lets the layer above set its receiver
   */
  admit(lane: ReceiveStream, offer: () => void): string | null {
    const { stream } = lane
    if (!this.#numbers.use(stream)) {
      lane.release()
      return `lane ${stream} was opened before`
    }
    let refusal = this.#problemOf(lane)
    if (refusal === null) {
      this.#incoming.set(stream, lane)
      offer()
      if (lane.receiver !== null) {
        this.#begin(lane, lane)
        return null
      }
      this.#incoming.delete(stream)
      const message = `nobody takes the lane ${lane.name} of ${lane.application}`
      refusal = lane.refusal ?? { code: 'ERR_NODOSUM_NO_HANDLER', message }
    }
    lane.release()
    return this.#refuse(stream, null, refusal) ? null : deaf
  }

  isRefused(stream: number): boolean {
    return this.#refused.size > 0 && this.#refused.has(stream)
  }

  /** Lanes that were refused after they had been taken, which RESUME still has to name. */
  refusedLanes(): ReceiveStream[] {
    return [...this.#refused.values()].flatMap(({ lane }) => (lane === null ? [] : [lane]))
  }

  /** Tells the peer that a lane is not taken; false when it does not listen. */
  #refuse(stream: number, lane: ReceiveStream | null, refusal: LaneRefusal): boolean {
    if (this.#refused.size >= refusalsMax) return false
    this.totals.refusedLanes += 1
    const next = lane?.expected ?? 1
    this.#write(frameType.refuse, encodeRefuse({ stream, next, ...refusal }))
    this.#refused.set(stream, { lane, sequence: this.#control.frames })
    if (lane === null) return true
    this.#gone(lane, refusal)
    // What it holds is dropped: the peer hears up to where it was taken.
    if (lane.isPaused) lane.resume()
    return true
  }

  /** Takes a frame of the session itself, as CLOSE and REFUSE are; returns what is wrong with them, null for nothing. */
  frame(type: number, bytes: Uint8Array, start: number, end: number): string | null {
    const reader = new ByteReader(bytes, start, end)
    if (type === frameType.close) {
      const close = decodeClose(reader)
      return close === null ? 'CLOSE does not decode' : this.#closedByPeer(close)
    }
    if (type === frameType.refuse) {
      const refuse = decodeRefuse(reader)
      return refuse === null ? 'REFUSE does not decode' : this.#refusedByPeer(refuse)
    }
    return mustUnderstand(type) ? `control frame type ${type} is unknown` : null
  }

  // From time to time

  /** Looks at every lane, closes what nobody uses, and returns what should have had an owner. */
  sweep(nowMs: number, mayWrite: boolean): Reaped[] {
    this.look(nowMs)
    const reaped: Reaped[] = []
    // Else peer or connection are late as it is.
    if (!mayWrite || this.#control.bufferedBytes * 2 > this.#limits.controlBufferBytesMax) return []
    for (const lane of [...this.#outgoing.values()]) {
      const isOwned = lane.owner !== null
      if (!this.#closeIfUnused(lane, nowMs) || isOwned) continue
      reaped.push({ kind: 'lane', name: lane.label, why: 'nobody sends on it any more' })
    }
    for (const lane of [...this.#incoming.values()]) {
      if (lane.receiver !== null) continue
      const name = `${lane.application}/${lane.name}`
      if (!this.orphaned(lane)) break
      reaped.push({ kind: 'lane', name, why: 'nobody takes its messages any more' })
    }
    this.totals.reaped += reaped.length
    return reaped
  }

  /** Brings states and times up to date. */
  look(nowMs: number): void {
    this.turn(nowMs)
    const idleAfterMs = this.#limits.laneIdleMs / 4
    for (const record of this.#records.values()) {
      record.times?.look(nowMs, sightOf(record), idleAfterMs)
    }
  }

  /** A lane whose receiver has gone is refused from now on; false when the peer does not listen. */
  orphaned(lane: ReceiveStream): boolean {
    if (this.#refused.has(lane.stream)) return true
    const what = `nobody takes the lane ${lane.name} of ${lane.application} any more`
    this.#incoming.delete(lane.stream)
    lane.release()
    return this.#refuse(
      lane.stream,
      lane,
      lane.refusal ?? { code: 'ERR_NODOSUM_NO_HANDLER', message: what },
    )
  }

  /** The lanes that there are, then the last ones that there were; at most `lanesMax`. */
  snapshots(nowMs: number, lanesMax: number): LaneSnapshot[] {
    this.look(nowMs)
    const all = [...this.#records.values(), ...[...this.#past].reverse()]
    return all.slice(0, lanesMax).map((record) => laneSnapshot(record, nowMs))
  }

  /** The session is over. */
  end(): void {
    this.#records.clear()
    this.#closing.clear()
    this.#refused.clear()
    this.#changed = []
  }

  #closeIfUnused(lane: SendStream, nowMs: number): boolean {
    const record = this.#records.get(lane)
    const { times } = record ?? {}
    if (record === undefined || times === undefined || times === null) return false
    if (this.#closing.has(lane) || this.#hasClosingTwin(record.open)) return false
    const { owner } = lane
    const may = this.#rules.mayClose({
      keptBytes: lane.bufferedBytes,
      unusedMs: nowMs - times.lastUsedMs,
      idleMs: owner === null ? this.#limits.leakAfterMs : this.#limits.laneIdleMs,
      isInUse: owner !== null && !owner.isIdle,
    })
    if (!may) return false
    const { stream, frames } = lane
    lane.retire()
    this.#write(frameType.close, encodeClose({ stream, next: frames + 1 }))
    this.#closing.set(lane, this.#control.frames)
    times.enter(nowMs, 'closing')
    this.#ended.push(stream)
    if (owner === null) return true
    this.totals.closedIdle += 1
    owner.closed(null, false)
    return true
  }

  /** So the peer has two lanes of one name at most. */
  #hasClosingTwin(open: Open): boolean {
    for (const lane of this.#closing.keys()) if (isSameName(this.#openOf(lane), open)) return true
    return false
  }

  #problemOf(open: Open): LaneRefusal | null {
    const all = [...this.#incoming.values()]
    const same = all.filter((other) => isSameName(other, open)).length
    // The first of two is closed, and this end has not heard of it yet.
    if (same === 1) return null
    const limit = this.#tooMany(distinct(all), open.application)
    if (limit === null && same === 0) return null
    const message = limit ?? `${open.application} has two lanes ${open.name} already`
    return { code: 'ERR_NODOSUM_LIMIT_STREAMS', message }
  }

  #closedByPeer({ stream, next }: LaneEnd): string | null {
    const lane = this.#incoming.get(stream)
    if (lane === undefined) {
      // It was refused meanwhile.
      return this.#numbers.has(stream) ? null : 'CLOSE names no lane'
    }
    if (!this.#rules.isWhole(lane.expected, next)) {
      return `CLOSE of lane ${stream} before frame ${next}, where ${lane.expected} is due`
    }
    const { receiver } = lane
    this.#incoming.delete(stream)
    this.#gone(lane, null)
    lane.close()
    receiver?.ended?.()
    return null
  }

  #refusedByPeer({ stream, next, code, message }: LaneEnd & LaneRefusal): string | null {
    const lane = this.#outgoing.get(stream)
    if (lane === undefined) return this.isPast(stream) ? null : 'REFUSE names no lane'
    if (next > lane.frames + 1) return 'REFUSE names frames that were not sent'
    const isClosing = this.#closing.delete(lane)
    this.totals.refusedByPeer += 1
    const refusal = { code, message }
    this.#forget(lane, refusal)
    const { owner } = lane
    lane.close()
    if (!isClosing) owner?.closed(refusal, next <= 2)
    return null
  }

  #forget(lane: SendStream, refusal: LaneRefusal | null): void {
    this.#outgoing.delete(lane.stream)
    this.#ended.push(lane.stream)
    this.#gone(lane, refusal)
  }

  /** What it came to is kept for a while. */
  #gone(lane: SendStream | ReceiveStream, refusal: LaneRefusal | null): void {
    const record = this.#records.get(lane)
    if (record === undefined) return
    this.#records.delete(lane)
    this.totals.add(record)
    record.refusal = refusal
    record.isOver = true
    this.#changed.push(record)
    if (this.#past.isFull) this.#past.poll()
    this.#past.offer(record)
  }

  #begin(lane: SendStream | ReceiveStream, open: Open): void {
    const { stream, kind, application, name, laneClass } = open
    const words = { stream, kind, application, name, laneClass }
    const record = { lane, open: words, times: null, isOver: false, refusal: null }
    this.#records.set(lane, record)
    this.#changed.push(record)
  }

  #openOf(lane: SendStream): Open {
    return (this.#records.get(lane) as LaneRecord).open
  }

  #tooMany(lanes: readonly { application: string }[], application: string): string | null {
    const { lanesPerSessionMax, lanesPerApplicationMax } = this.#limits
    if (lanes.length >= lanesPerSessionMax) {
      return `${lanesPerSessionMax} lanes are open already (lanesPerSessionMax)`
    }
    const mine = lanes.filter((lane) => lane.application === application).length
    if (mine < lanesPerApplicationMax) return null
    const limit = `${lanesPerApplicationMax} lanes already (lanesPerApplicationMax)`
    return `${application} has ${limit}`
  }

  #write(type: number, body: Uint8Array): void {
    const at = this.#control.frame(type, 0, body.length)
    this.#control.buffer.set(body, at)
  }
}

function isSameName(one: Open, other: Open): boolean {
  const isSame = one.kind === other.kind && one.name === other.name
  return isSame && one.application === other.application
}

/** The first of two lanes of one name is closed, and this end has not heard of it yet. */
function distinct(lanes: readonly Open[]): Open[] {
  const seen = new Map<string, Map<string, Set<string>>>()
  return lanes.filter(({ kind, application, name }) => {
    const kinds = seen.get(application) ?? new Map<string, Set<string>>()
    const names = kinds.get(kind) ?? new Set<string>()
    seen.set(application, kinds.set(kind, names))
    return names.size < names.add(name).size
  })
}
