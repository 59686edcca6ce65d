import { bytes, defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'

/** See `streamsOptions` for defaults, ranges and meanings. */
export interface StreamsOptions {
  readonly messageBytesMax: number
  readonly laneBufferBytesMax: number
  readonly controlBufferBytesMax: number
  readonly lanesPerSessionMax: number
  readonly sessionsMax: number
  readonly helloTimeoutMs: number
  readonly retireWaitMs: number
}

/** Every limit and time of sessions and lanes. */
export const streamsOptions: OptionTable<StreamsOptions> = defineOptions({
  name: 'streams',
  schema: z.strictObject({
    messageBytesMax: bytes({
      default: 1_048_576,
      min: 1_024,
      max: 16_777_216,
      description: 'Largest body of one frame. A longer message is refused before it is sent.',
      source: 'NATS max_payload is 1 MiB as well',
    }),
    laneBufferBytesMax: bytes({
      default: 4_194_304,
      min: 65_536,
      max: 268_435_456,
      description:
        'What may wait in one outgoing lane, beside what the transport holds. At the bound a send waits and a trySend is refused with BACKPRESSURE.',
    }),
    controlBufferBytesMax: bytes({
      default: 16_777_216,
      min: 1_048_576,
      max: 268_435_456,
      description:
        'Replies and acknowledgements that may wait for a slow peer. From half of it on, new requests of that peer are answered with OVERLOAD; at the bound its session ends.',
    }),
    lanesPerSessionMax: integer({
      default: 256,
      min: 2,
      max: 1_000,
      description: 'Lanes in each direction. One more is refused with LIMIT_STREAMS.',
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
    retireWaitMs: duration({
      default: 250,
      min: 0,
      max: 60_000,
      description:
        'How long a session that moves to another connection waits at each end for what is under way to end, while new sends wait. If it does not end in time, the session stays and goes on.',
    }),
  }),
})
