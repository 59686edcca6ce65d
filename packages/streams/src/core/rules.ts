import type { LaneClass } from '../wire/open.ts'
import { type Attachment, chooseAttachment } from './attachment.ts'

/**
 * The decisions that the promises of a session stand on, each a function of what it is given. They
 * are apart from the machinery so that a test can replace one by a wrong one and show that a
 * simulation notices; production has these and no others.
 */
export interface SessionRules {
  /** Whether a frame is the next one of its stream. */
  isNext(expected: number, sequence: number): boolean
  /** The sequence that an end asks for when it resumes. */
  resumeAt(expected: number): number
  /** Up to which sequence an acknowledgement lets the sender forget. */
  forgetsUpTo(acknowledged: number): number
  /** Whether a connection still counts once another one carries the session. */
  isFenced(isCurrent: boolean): boolean
  /** Whether lane frames may leave on a connection. */
  maySend(peerHasResumed: boolean): boolean
  /** Up to which offset the frames of a lane may start. */
  creditLimit(handedOnBytes: number, windowBytes: number): number
  /** Whether a frame that starts at this offset may leave. */
  mayStart(offset: number, limit: number): boolean
  /** Whether a sender may keep so many bytes more. */
  fits(keptBytes: number, needBytes: number, bytesMax: number): boolean
  /** What a budget counts for so many bytes that a lane keeps. */
  counts(bytes: number): number
  /** What goes back to a budget when so many bytes are needed no more. */
  givesBack(bytes: number, why: ReturnReason): number
  /** As what a lane of this class is served. */
  rank(laneClass: LaneClass): LaneClass
  /** Whether lanes that wait for others may fill the path further. */
  pathHasRoom(flightBytes: number, fillBytes: number): boolean
  /** What bulk lanes earn while interactive ones send. */
  shareOfBulk(interactiveBytes: number, weight: number): number
  /** Whether bulk lanes have earned enough to send although the path is full. */
  isPaidOut(earnedBytes: number, payoutBytes: number): boolean
  /** When a scheduled lane has waited for long enough, null for never. */
  overdueAt(sinceMs: number, mostMs: number): number | null
  /** Whether so many unacknowledged bytes wait for no timer. */
  acknowledgesAtOnce(bytes: number, atOnceBytes: number): boolean
  /** When an acknowledgement leaves at the latest, null for never. */
  acknowledgeBy(nowMs: number, withinMs: number): number | null
  /** What an end of a session reports of frames that were sent and not acknowledged. */
  reportsUnknown(from: number, to: number): boolean
  /** Which of two connections of the same session stays. */
  choose(current: Attachment, candidate: Attachment): 'current' | 'new'
  /** The number of the next lane, given the last one. */
  laneNumber(last: number): number
  /** Whether a lane is closed now. */
  mayClose(lane: LaneUse): boolean
  /** Whether a lane, on which `expected` would come next, ends with what its sender has sent. */
  isWhole(expected: number, next: number): boolean
  /** Whether the peer knows that a lane is closed, given what it has of the control stream. */
  knowsOfClose(acknowledged: number, closeSequence: number): boolean
  /** When a session without a connection ends, null for not yet known. */
  endsAt(detachedMs: number, failedMs: number | null, times: RetentionTimes): number | null
}

/** Why bytes go back to a budget: `closed` is a lane that is over while its session goes on. */
export type ReturnReason = 'acknowledged' | 'resumed' | 'closed' | 'over'

/** What decides whether a lane is closed. */
export interface LaneUse {
  /** Bytes that the peer has not acknowledged. */
  readonly keptBytes: number
  /** How long nothing was sent on it. */
  readonly unusedMs: number
  /** How long that has to be. */
  readonly idleMs: number
  /** The layer above waits for something about it. */
  readonly isInUse: boolean
}

/** How long a session is kept without a connection, in milliseconds. */
export interface RetentionTimes {
  readonly afterFailureMs: number
  readonly mostMs: number
}

export const sessionRules: SessionRules = {
  isNext: (expected, sequence) => sequence === expected,

  resumeAt: (expected) => expected,

  forgetsUpTo: (acknowledged) => acknowledged,

  /** What arrives late on an older connection was asked for again on the newer one. */
  isFenced: (isCurrent) => !isCurrent,

  /** Before RESUME nobody knows what the peer has. */
  maySend: (peerHasResumed) => peerHasResumed,

  creditLimit: (handedOnBytes, windowBytes) => handedOnBytes + windowBytes,

  mayStart: (offset, limit) => offset < limit,

  fits: (keptBytes, needBytes, bytesMax) => keptBytes + needBytes <= bytesMax,

  counts: (bytes) => bytes,

  givesBack: (bytes) => bytes,

  rank: (laneClass) => laneClass,

  pathHasRoom: (flightBytes, fillBytes) => flightBytes < fillBytes,

  shareOfBulk: (interactiveBytes, weight) => interactiveBytes / weight,

  isPaidOut: (earnedBytes, payoutBytes) => earnedBytes >= payoutBytes,

  overdueAt: (sinceMs, mostMs) => sinceMs + mostMs,

  acknowledgesAtOnce: (bytes, atOnceBytes) => bytes >= atOnceBytes,

  acknowledgeBy: (nowMs, withinMs) => nowMs + withinMs,

  reportsUnknown: (from, to) => from <= to,

  choose: chooseAttachment,

  laneNumber: (last) => last + 1,

  /** What is not acknowledged may still have to be sent again. */
  mayClose: ({ keptBytes, unusedMs, idleMs, isInUse }) =>
    keptBytes === 0 && unusedMs >= idleMs && !isInUse,

  isWhole: (expected, next) => expected === next,

  knowsOfClose: (acknowledged, closeSequence) => acknowledged >= closeSequence,

  /** Hearsay shortens the wait of a session that has no connection; it ends none that has. */
  endsAt(detachedMs, failedMs, { afterFailureMs, mostMs }) {
    const atLast = detachedMs + mostMs
    if (failedMs === null) return atLast
    return Math.min(atLast, Math.max(detachedMs, failedMs) + afterFailureMs)
  },
}
