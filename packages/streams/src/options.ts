import { bytes, defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'
import type { SessionLimits } from './core/session-shapes.ts'

/** See `streamsOptions` for defaults, ranges and meanings. */
export interface StreamsOptions {
  readonly messageBytesMax: number
  readonly laneBufferBytesMax: number
  readonly laneWindowBytes: number
  readonly sessionBufferBytesMax: number
  readonly sessionWindowBytes: number
  readonly nodeBufferBytesMax: number
  readonly nodeWindowBytes: number
  readonly scheduledWaitMaxMs: number
  readonly pathSpareBytes: number
  readonly controlBufferBytesMax: number
  readonly lanesPerSessionMax: number
  readonly lanesPerApplicationMax: number
  readonly laneIdleMs: number
  readonly leakAfterMs: number
  readonly sessionsMax: number
  readonly helloTimeoutMs: number
  readonly acknowledgeWithinMs: number
  readonly retentionMs: number
  readonly detachedMaxMs: number
  readonly redialMaxMs: number
  readonly pooledBuffersMax: number
}

/** Every limit and time of sessions and lanes. */
export const streamsOptions: OptionTable<StreamsOptions> = defineOptions({
  name: 'streams',
  schema: z.strictObject({
    messageBytesMax: bytes({
      default: 1_048_576,
      min: 1_024,
      max: 16_777_216,
      description: 'Largest body of one message. A longer one is refused before it is sent.',
      source: 'NATS max_payload is 1 MiB as well',
    }),
    laneBufferBytesMax: bytes({
      default: 4_194_304,
      min: 65_536,
      max: 268_435_456,
      description:
        'What one outgoing lane keeps until the peer has acknowledged it. At the bound a send waits and a trySend is refused with BACKPRESSURE.',
    }),
    laneWindowBytes: bytes({
      default: 2_097_152,
      min: 65_536,
      max: 134_217_728,
      description:
        'What the peer may send on one lane beyond what was handed on here; a paused lane holds at most this and one frame. A lane starts with 128 KiB and doubles while it uses them.',
      source: 'half of the window that transports give a stream, which therefore never closes',
    }),
    pathSpareBytes: bytes({
      default: 524_288,
      min: 131_072,
      max: 67_108_864,
      description:
        'What lanes of class bulk and scheduled may have on the way to a peer beyond what fills the path (its rate times its shortest round trip). Interactive messages wait behind so much at most; with less, bulk gets slower where processors are busy.',
      source: 'measured: a millisecond at what loopback carries, four at 1 Gbit/s',
    }),
    sessionBufferBytesMax: bytes({
      default: 67_108_864,
      min: 1_048_576,
      max: 4_294_967_296,
      description:
        'What all outgoing lanes of one session keep together. At the bound a send waits and a trySend is refused with BACKPRESSURE, on lanes that keep more than 64 KiB.',
    }),
    sessionWindowBytes: bytes({
      default: 33_554_432,
      min: 1_048_576,
      max: 4_294_967_296,
      description:
        'What one peer may send on all lanes together beyond what was handed on here. At the bound lanes get no more than the 128 KiB that each starts with.',
    }),
    nodeBufferBytesMax: bytes({
      default: 268_435_456,
      min: 1_048_576,
      max: 68_719_476_736,
      description:
        'What all outgoing lanes of all sessions keep together, their replies included. At the bound as with sessionBufferBytesMax.',
    }),
    nodeWindowBytes: bytes({
      default: 268_435_456,
      min: 1_048_576,
      max: 68_719_476_736,
      description:
        'What all peers may send on all lanes together beyond what was handed on here. At the bound as with sessionWindowBytes.',
    }),
    scheduledWaitMaxMs: duration({
      default: 1_000,
      min: 10,
      max: 600_000,
      description:
        'How long lanes of class scheduled wait for others at most; then one of them sends one buffer of at most 128 KiB.',
    }),
    controlBufferBytesMax: bytes({
      default: 16_777_216,
      min: 1_048_576,
      max: 268_435_456,
      description:
        'Replies and confirmations that a peer has not acknowledged. From half of it on, new requests of that peer are answered with OVERLOAD; at the bound its session ends.',
    }),
    lanesPerSessionMax: integer({
      default: 256,
      min: 2,
      max: 1_000,
      description: 'Lanes in each direction. One more is refused with LIMIT_STREAMS.',
    }),
    lanesPerApplicationMax: integer({
      default: 128,
      min: 1,
      max: 1_000,
      description:
        'Lanes of one application in each direction of a session, requests included. One more is refused with LIMIT_STREAMS; a peer that opens more loses those and nothing else.',
    }),
    laneIdleMs: duration({
      default: 60_000,
      min: 10,
      max: 86_400_000,
      description:
        'A lane on which nothing was sent for so long, and about which nothing is under way, is closed; the next message opens another one. Looked at four times in that time.',
    }),
    leakAfterMs: duration({
      default: 30_000,
      min: 10,
      max: 86_400_000,
      description:
        'How long what nobody uses may stay before it is counted, logged and closed: a lane without an owner, a byte stream on which no lane begins, a session that nobody handles.',
    }),
    sessionsMax: integer({
      default: 1_024,
      min: 1,
      max: 65_536,
      description: 'Sessions of one node. One more is refused with LIMIT_CONNECTIONS.',
    }),
    helloTimeoutMs: duration({
      default: 5_000,
      min: 100,
      max: 60_000,
      description: 'How long the two HELLOs of a connection may take.',
    }),
    acknowledgeWithinMs: duration({
      default: 20,
      min: 1,
      max: 1_000,
      description:
        'How long what arrived may wait for its acknowledgement; after 64 KiB it leaves at once.',
    }),
    retentionMs: duration({
      default: 60_000,
      min: 0,
      max: 86_400_000,
      description:
        'How long a session without a connection is kept after membership has declared its peer failed. Then it ends, and what was not acknowledged is unknown.',
    }),
    detachedMaxMs: duration({
      default: 600_000,
      min: 1_000,
      max: 86_400_000,
      description:
        'How long a session is kept without a connection at most, whatever membership says.',
    }),
    redialMaxMs: duration({
      default: 5_000,
      min: 10,
      max: 600_000,
      description:
        'Longest pause between two attempts to get a connection for a session that lost its own; it doubles from 20 ms on, with full jitter.',
    }),
    pooledBuffersMax: integer({
      default: 256,
      min: 0,
      max: 65_536,
      description: 'Buffers of 64 KiB for outgoing frames that a node keeps to use them again.',
    }),
  }),
})

/** Acknowledged at once when so much has come: a frame buffer, which the sender can use again. */
const acknowledgeBytes = 65_536

/** What every lane may be sent at first: twice what is acknowledged at once. */
const laneWindowBytesMin = 131_072

/** What HELLO tells the peer that it may send on each lane at first. */
export function firstWindowBytes({ laneWindowBytes }: StreamsOptions): number {
  return Math.min(laneWindowBytesMin, laneWindowBytes)
}

/** What one session needs of them. */
export function sessionLimits(options: StreamsOptions): SessionLimits {
  return {
    messageBytesMax: options.messageBytesMax,
    laneBufferBytesMax: options.laneBufferBytesMax,
    laneWindowBytesMin: firstWindowBytes(options),
    laneWindowBytes: options.laneWindowBytes,
    scheduledWaitMaxMs: options.scheduledWaitMaxMs,
    pathSpareBytes: options.pathSpareBytes,
    controlBufferBytesMax: options.controlBufferBytesMax,
    lanesPerSessionMax: options.lanesPerSessionMax,
    lanesPerApplicationMax: options.lanesPerApplicationMax,
    laneIdleMs: options.laneIdleMs,
    leakAfterMs: options.leakAfterMs,
    acknowledgeBytes: Math.min(acknowledgeBytes, options.laneWindowBytes / 2),
    acknowledgeWithinMs: options.acknowledgeWithinMs,
    retention: { afterFailureMs: options.retentionMs, mostMs: options.detachedMaxMs },
  }
}
