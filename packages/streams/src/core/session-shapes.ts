/** What goes in and out of a session's core besides bytes. */
import type { Goodbye } from '../wire/hello.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { ReceiveStream } from './receive-stream.ts'
import type { RetentionTimes, SessionRules } from './rules.ts'
import type { SlabPool } from './slab-pool.ts'

/** Gets what a session receives. Called synchronously; must not throw. */
export interface CoreSink {
  /** A message of the control stream; its type is 0x10 or above. */
  control(type: number, bytes: Uint8Array, start: number, end: number): void
  /** The peer opened a lane: set its receiver now, or it is refused. */
  lane(lane: ReceiveStream): void
  /** The peer asks for another connection. */
  renewal(): void
}

/** Limits and times of one session. */
export interface SessionLimits {
  readonly messageBytesMax: number
  readonly laneBufferBytesMax: number
  /** What the peer may send on a lane at first, and at most. */
  readonly laneWindowBytesMin: number
  readonly laneWindowBytes: number
  readonly scheduledWaitMaxMs: number
  readonly pathSpareBytes: number
  readonly controlBufferBytesMax: number
  readonly lanesPerSessionMax: number
  readonly lanesPerApplicationMax: number
  readonly laneIdleMs: number
  readonly leakAfterMs: number
  readonly acknowledgeBytes: number
  readonly acknowledgeWithinMs: number
  readonly retention: RetentionTimes
}

/** What the lanes of a session keep and may be sent; parts of the node's. */
export interface SessionBudgets {
  /** Bytes that were accepted and are not acknowledged. */
  readonly buffered: ByteBudget
  /** Bytes that peers may send, or have sent, before they are handed on. */
  readonly granted: ByteBudget
}

/** What the core of a session is made of. */
export interface SessionParts {
  readonly nowMs: number
  readonly limits: SessionLimits
  readonly rules: SessionRules
  readonly pool: SlabPool
  readonly budgets: SessionBudgets
  /** What the peer lets this end send on a lane at first. */
  readonly peerWindowBytes: number
  /** Asks for a turn. */
  readonly onDirty: () => void
}

/** What the driver has to do. */
export type SessionEffect =
  /** Write to a stream of the newest connection. */
  | {
      readonly kind: 'write'
      readonly stream: number
      readonly bytes: Uint8Array
      readonly tail: Uint8Array | null
    }
  /** Both ends go on over the newest connection: those before it may close. */
  | { readonly kind: 'settled' }

/** Why a session ends. */
export type SessionEnding =
  | { readonly kind: 'broken'; readonly what: string }
  | { readonly kind: 'goodbye'; readonly goodbye: Goodbye }
  | { readonly kind: 'expired' }

/** Messages of one stream of which nobody knows whether they arrived. */
export interface UnknownOutcome {
  readonly stream: number
  /** Sequences of frames, both included. */
  readonly from: number
  readonly to: number
}

/** Something that nobody uses any more, found and closed. */
export interface Reaped {
  readonly kind: 'lane' | 'byte stream' | 'session'
  /** Which one, in words. */
  readonly name: string
  readonly why: string
}
