import { bytes, defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { checkLimits } from '@nodosum/transport'
import { z } from 'zod'

/** Limits and times of the transport; meanings, ranges and defaults are in `quicOptions`. */
export interface QuicSettings {
  readonly packetBytes: 'auto' | number
  readonly streamWindowBytes: number
  readonly streamCredits: number
  readonly streamsMax: number
  readonly streamBufferBytes: number
  readonly streamBufferBytesMax: number
  readonly idleTimeoutMs: number
  readonly keepAliveMs: number
  readonly connectTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly connectionsMax: number
  readonly halfOpenMax: number
  readonly acceptsPerSecond: number
  readonly acceptBurst: number
}

/** What a caller may give. */
export type QuicOptions = Partial<QuicSettings>

/** Every limit and time of the QUIC transport. */
export const quicOptions: OptionTable<QuicSettings> = defineOptions({
  name: 'transport-quic',
  schema: z.strictObject({
    packetBytes: z
      .union([z.literal('auto'), z.number().int().min(1_200).max(16_383)])
      .default('auto')
      .describe(
        'Largest UDP payload to send, 1,200 to 16,383 bytes. auto: 16,383 to loopback peers, else 1,200, which every network carries.',
      ),
    streamWindowBytes: bytes({
      default: 4_194_304,
      min: 65_536,
      max: 67_108_864,
      description:
        'What a peer may send on one stream beyond what was read. Bounds the memory of a stream whose reader is paused.',
    }),
    streamCredits: integer({
      default: 4_096,
      min: 2_000,
      max: 65_536,
      description:
        'Streams a peer may open before any of them ended. Generous, because a lost renewal is not repeated by the engine; streamsMax is the limit that counts.',
      source: 'measured: credits of 16 stall at 5 % packet loss',
    }),
    streamsMax: integer({
      default: 1_024,
      min: 8,
      max: 16_384,
      description:
        'Streams of one connection at once. openStream throws LIMIT_STREAMS at it; a further stream of the peer is reset.',
    }),
    streamBufferBytes: bytes({
      default: 1_048_576,
      min: 16_384,
      max: 67_108_864,
      description:
        'write() returns false when more than this waits in one stream; onWritable follows at half of it.',
    }),
    streamBufferBytesMax: bytes({
      default: 134_217_728,
      min: 1_048_576,
      max: 1_073_741_824,
      description:
        'A stream whose writer ignores false up to here is reset. Must exceed streamBufferBytes.',
    }),
    idleTimeoutMs: duration({
      default: 10_000,
      min: 1_000,
      max: 600_000,
      description:
        'A connection without any packet for this long is lost. The smaller value of both ends holds.',
    }),
    keepAliveMs: duration({
      default: 3_000,
      min: 250,
      max: 200_000,
      description:
        'A silent connection is pinged this often. At most half of idleTimeoutMs, so that one lost ping kills nothing.',
    }),
    connectTimeoutMs: duration({
      default: 5_000,
      min: 100,
      max: 120_000,
      description: 'How long a handshake may take, dialed or accepted.',
    }),
    closeTimeoutMs: duration({
      default: 2_000,
      min: 0,
      max: 60_000,
      description: 'How long close() waits for the peer to have everything that was written.',
    }),
    connectionsMax: integer({
      default: 1_024,
      min: 1,
      max: 65_536,
      description:
        'Connections of this node, dialed and accepted. connect() fails with LIMIT_CONNECTIONS at it; dials of others are ignored and counted.',
    }),
    halfOpenMax: integer({
      default: 256,
      min: 1,
      max: 65_536,
      description:
        'Accepted connections whose handshake is not finished. More are ignored and counted.',
    }),
    acceptsPerSecond: integer({
      default: 200,
      min: 1,
      max: 100_000,
      unit: '1/s',
      description: 'Handshakes accepted per second over time. More are ignored and counted.',
      source: 'a handshake costs 0.4 ms: 200 a second take 4 % of a core',
    }),
    acceptBurst: integer({
      default: 400,
      min: 1,
      max: 100_000,
      description: 'Handshakes accepted at once after a quiet time.',
    }),
  }),
})

/**
 * Fills in defaults and checks how the values relate.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID with every problem
 */
export function parseQuicOptions(input: QuicOptions = {}): QuicSettings {
  const settings = quicOptions.parse(input)
  checkLimits(settings)
  return settings
}
