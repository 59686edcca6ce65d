import type { LaneRefusal } from '../wire/lane-end.ts'
import type { LaneClass, LaneKind, Open } from '../wire/open.ts'
import type { ReceiveStream } from './receive-stream.ts'
import { SendStream } from './send-stream.ts'
import type { StreamSight, StreamState, StreamTimes } from './stream-state.ts'

/** What is known of one lane, also for a while after it is gone. */
export interface LaneRecord {
  readonly lane: SendStream | ReceiveStream
  readonly open: Open
  /** Null until the end of the turn in which it began. */
  times: StreamTimes | null
  isOver: boolean
  refusal: LaneRefusal | null
}

/** One lane as it stands now. Times are spans in milliseconds, exact to a quarter of `laneIdleMs`. */
export interface LaneSnapshot {
  /** Whether this end sends on it or receives. */
  readonly direction: 'out' | 'in'
  /** Its number; never used again by the same end of the session. */
  readonly stream: number
  readonly kind: LaneKind
  readonly application: string
  readonly name: string
  /** How its sender ranks it. */
  readonly laneClass: LaneClass
  readonly state: StreamState
  readonly inStateForMs: number
  readonly openForMs: number
  readonly unusedForMs: number
  /** So far, without OPEN. */
  readonly messages: number
  /** So far, with the headers of frames. */
  readonly bytes: number
  /** How often a message found no room. */
  readonly refusedMessages: number
  /** What was sent again over another connection. */
  readonly retransmittedFrames: number
  readonly retransmittedBytes: number
  /** Sent or waiting, and not acknowledged. */
  readonly bufferedBytes: number
  /** What the peer lets this end send before it grants more, or this end the peer. */
  readonly creditBytes: number
  /** Arrived and not handed on. */
  readonly heldBytes: number
  readonly isPaused: boolean
  /** The code with which it was refused. */
  readonly refusedWith: string | null
}

/** Counters of both directions of a session, from its start; they only grow. */
export interface TrafficTotals {
  readonly sentMessages: number
  readonly sentBytes: number
  readonly receivedMessages: number
  readonly receivedBytes: number
  readonly refusedMessages: number
  readonly retransmittedFrames: number
  readonly retransmittedBytes: number
}

/** What became of the lanes of a session that are gone, and what they have carried. */
export class StreamTotals {
  /** Lanes that this end has closed because nobody used them. */
  closedIdle = 0
  /** Lanes that this end did not take, or no longer. */
  refusedLanes = 0
  /** Lanes that the peer did not take. */
  refusedByPeer = 0
  /** What nobody owned any more. */
  reaped = 0
  /** Frames of lanes that are gone; OPEN counts. */
  pastMessages = 0
  #past: TrafficTotals = nothing

  /** A lane is gone. */
  add(record: LaneRecord): void {
    this.pastMessages += record.lane.sequence
    this.#past = plus(this.#past, record.lane)
  }

  /** With what the lanes that there are have carried. */
  traffic(lanes: Iterable<SendStream | ReceiveStream>): TrafficTotals {
    let sum = this.#past
    for (const lane of lanes) sum = plus(sum, lane)
    return sum
  }
}

const nothing: TrafficTotals = {
  sentMessages: 0,
  sentBytes: 0,
  receivedMessages: 0,
  receivedBytes: 0,
  refusedMessages: 0,
  retransmittedFrames: 0,
  retransmittedBytes: 0,
}

/** What there is to see of a lane. */
export function sightOf({ lane }: LaneRecord): StreamSight {
  const messages = lane.sequence
  if (lane instanceof SendStream) {
    return { isOpen: lane.acknowledgedFrames > 0, messages, isQuiet: lane.bufferedBytes === 0 }
  }
  return { isOpen: messages > 0, messages, isQuiet: lane.heldBytes === 0 }
}

export function laneSnapshot(record: LaneRecord, nowMs: number): LaneSnapshot {
  const { lane, open, times, refusal } = record
  const one = plus(nothing, lane)
  const isOut = lane instanceof SendStream
  return {
    direction: isOut ? 'out' : 'in',
    ...open,
    state: times?.state ?? 'opening',
    inStateForMs: nowMs - (times?.sinceMs ?? nowMs),
    openForMs: nowMs - (times?.openedMs ?? nowMs),
    unusedForMs: nowMs - (times?.lastUsedMs ?? nowMs),
    messages: one.sentMessages + one.receivedMessages,
    bytes: one.sentBytes + one.receivedBytes,
    refusedMessages: one.refusedMessages,
    retransmittedFrames: one.retransmittedFrames,
    retransmittedBytes: one.retransmittedBytes,
    bufferedBytes: isOut ? lane.bufferedBytes : 0,
    creditBytes: record.isOver ? 0 : lane.creditBytes,
    heldBytes: isOut ? 0 : lane.heldBytes,
    isPaused: isOut ? false : lane.isPaused,
    refusedWith: refusal?.code ?? null,
  }
}

function plus(sum: TrafficTotals, lane: SendStream | ReceiveStream): TrafficTotals {
  // The first message of a lane is OPEN.
  const messages = Math.max(0, lane.sequence - (lane.stream === 0 ? 0 : 1))
  if (!(lane instanceof SendStream)) {
    return {
      ...sum,
      receivedMessages: sum.receivedMessages + messages,
      receivedBytes: sum.receivedBytes + lane.handedOnBytes,
    }
  }
  const { frames, bytes } = lane.retransmitted
  return {
    ...sum,
    sentMessages: sum.sentMessages + messages,
    sentBytes: sum.sentBytes + lane.sentBytes,
    refusedMessages: sum.refusedMessages + lane.refusedMessages,
    retransmittedFrames: sum.retransmittedFrames + frames,
    retransmittedBytes: sum.retransmittedBytes + bytes,
  }
}
