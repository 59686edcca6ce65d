import { bytes, defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { checkLimits, type TransportLimits } from '@nodosum/transport'
import { z } from 'zod'

/** Limits and times of the transport; meanings, ranges and defaults are in `h2Options`. */
export interface H2Settings extends TransportLimits {
  readonly connectionsPerSourceMax: number
  readonly halfOpenMax: number
  readonly halfOpenPerSourceMax: number
  readonly acceptsPerSecond: number
  readonly acceptBurst: number
}

/** What a caller may give. */
export type H2Options = Partial<H2Settings>

/** Every limit and time of the HTTP/2 transport. */
export const h2Options: OptionTable<H2Settings> = defineOptions({
  name: 'transport-h2',
  schema: z.strictObject({
    streamWindowBytes: bytes({
      default: 4_194_304,
      min: 65_536,
      max: 67_108_864,
      description:
        'What a peer may send on one stream beyond what was read. Bounds the memory of a stream whose reader is paused.',
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
        'A connection on which nothing arrives for this long, not even the answer to a ping, is lost.',
    }),
    keepAliveMs: duration({
      default: 3_000,
      min: 250,
      max: 200_000,
      description:
        'A silent connection is pinged this often. At most half of idleTimeoutMs, so that one late answer kills nothing.',
    }),
    connectTimeoutMs: duration({
      default: 5_000,
      min: 100,
      max: 120_000,
      description:
        'How long TCP, TLS and the first exchange of HTTP/2 may take together, dialed or accepted.',
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
        'Connections of this node, dialed and accepted. connect() fails with LIMIT_CONNECTIONS at it; dials of others are reset before TLS and counted.',
    }),
    connectionsPerSourceMax: integer({
      default: 256,
      min: 1,
      max: 65_536,
      description:
        'Accepted connections from one source: an IPv4 address, or the /64 of an IPv6 one. More are reset before TLS and counted. Raise it where many nodes share an address.',
    }),
    halfOpenMax: integer({
      default: 256,
      min: 1,
      max: 65_536,
      description:
        'Accepted connections whose peer has not proved who it is yet. More are reset before TLS and counted.',
    }),
    halfOpenPerSourceMax: integer({
      default: 128,
      min: 1,
      max: 65_536,
      description: 'The same, from one source, so that one source cannot use up halfOpenMax.',
    }),
    acceptsPerSecond: integer({
      default: 200,
      min: 1,
      max: 100_000,
      unit: '1/s',
      description:
        'Handshakes accepted per second over time. More are reset before TLS and counted.',
      source: 'as transport-quic',
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
export function parseH2Options(input: H2Options = {}): H2Settings {
  const settings = h2Options.parse(input)
  checkLimits(settings)
  return settings
}
