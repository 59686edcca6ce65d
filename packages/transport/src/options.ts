import { NodosumError } from '@nodosum/kernel'
import { defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'

/** Limits and times of the connection pool; meanings, ranges and defaults are in `poolOptions`. */
export interface PoolSettings {
  readonly connectionsMax: number
  readonly connectionsPerSourceMax: number
  readonly halfOpenMax: number
  readonly dialsMax: number
  readonly dialQueueMax: number
  readonly dialsPerSecond: number
  readonly dialBurst: number
  readonly acceptsPerSecond: number
  readonly acceptBurst: number
  readonly acceptQueueMax: number
  readonly addressesMax: number
  readonly fallbackAfterMs: number
  readonly fallbackMemoryMs: number
  readonly fallbacksMax: number
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  readonly breakersMax: number
  readonly sweepMs: number
  readonly idleTimeoutMs: number
  readonly pingMs: number
  readonly stallTimeoutMs: number
  readonly probeTimeoutMs: number
  readonly connectionAgeMaxMs: number
  readonly connectionPacketsMax: number
  readonly replaceWithinMs: number
  readonly replaceRetryMs: number
}

/** What a caller may give. */
export type PoolOptions = Partial<PoolSettings>

/** Every limit and time of the connection pool. */
export const poolOptions: OptionTable<PoolSettings> = defineOptions({
  name: 'pool',
  schema: z.strictObject({
    connectionsMax: integer({
      default: 1_024,
      min: 1,
      max: 65_536,
      description:
        'Connections of this node over all transports: dialed and accepted, also while they come up. At it the least recently used idle one closes; when none is idle, a dial is refused with LIMIT_CONNECTIONS and an accepted connection is closed with that code.',
    }),
    connectionsPerSourceMax: integer({
      default: 256,
      min: 1,
      max: 65_536,
      description:
        'Accepted connections from one source: an IPv4 address, or the /64 of an IPv6 one. One more is closed with LIMIT_CONNECTIONS. Nodes behind one NAT share it.',
    }),
    halfOpenMax: integer({
      default: 256,
      min: 1,
      max: 65_536,
      description:
        'Accepted connections that the layer above has not taken into use. One more is closed with LIMIT_CONNECTIONS.',
    }),
    dialsMax: integer({
      default: 16,
      min: 1,
      max: 1_024,
      description: 'Peers that are dialed at once. More wait in a queue.',
    }),
    dialQueueMax: integer({
      default: 256,
      min: 1,
      max: 65_536,
      description:
        'Peers whose dial waits for its turn. One more is refused with LIMIT_CONNECTIONS.',
    }),
    dialsPerSecond: integer({
      default: 100,
      min: 1,
      max: 100_000,
      unit: '1/s',
      description: 'Dials per second over time. Faster ones wait their turn.',
      source: 'a handshake costs 0.4 ms: 100 a second take 4 % of a core at both ends together',
    }),
    dialBurst: integer({
      default: 200,
      min: 1,
      max: 100_000,
      description: 'Dials at once after a quiet time.',
    }),
    acceptsPerSecond: integer({
      default: 200,
      min: 1,
      max: 100_000,
      unit: '1/s',
      description: 'Accepted connections handed up per second over time. Faster ones wait.',
      source: 'as the QUIC transport, which limits handshakes before they cost anything',
    }),
    acceptBurst: integer({
      default: 400,
      min: 1,
      max: 100_000,
      description: 'Accepted connections handed up at once after a quiet time.',
    }),
    acceptQueueMax: integer({
      default: 256,
      min: 1,
      max: 65_536,
      description:
        'Accepted connections that wait to be handed up. One more is closed with RATE_LIMITED.',
    }),
    addressesMax: integer({
      default: 4,
      min: 1,
      max: 16,
      description: 'Addresses of one peer that are tried, in order; further ones are ignored.',
      source: 'a member record has at most 4',
    }),
    fallbackAfterMs: duration({
      default: 1_000,
      min: 1,
      max: 60_000,
      description:
        'With several transports: how long the preferred one may take before the next is dialed beside it.',
      source: 'Happy Eyeballs (RFC 8305) allows up to 2 s between attempts',
    }),
    fallbackMemoryMs: duration({
      default: 600_000,
      min: 0,
      max: 86_400_000,
      description:
        'How long a peer that was reached over another transport than the preferred one is dialed over that one first. Then the preferred one goes first again.',
      source: 'Happy Eyeballs (RFC 6555) suggests to remember for about 10 minutes',
    }),
    fallbacksMax: integer({
      default: 1_024,
      min: 1,
      max: 65_536,
      description:
        'Peers of which it is remembered over which transport they were reached; beyond it the oldest is forgotten.',
    }),
    backoffBaseMs: duration({
      default: 200,
      min: 1,
      max: 60_000,
      description:
        'Upper bound of the pause after the first failure; it doubles with each further one and is drawn with full jitter.',
      source: 'AWS: exponential backoff and jitter',
    }),
    backoffMaxMs: duration({
      default: 10_000,
      min: 1,
      max: 600_000,
      description: 'Largest bound of the pause.',
    }),
    breakersMax: integer({
      default: 1_024,
      min: 1,
      max: 65_536,
      description:
        'Peers whose failures are remembered, one circuit breaker each; beyond it the oldest is forgotten.',
    }),
    sweepMs: duration({
      default: 1_000,
      min: 10,
      max: 60_000,
      description: 'How often connections are looked after: use, health, age.',
    }),
    idleTimeoutMs: duration({
      default: 1_800_000,
      min: 1_000,
      max: 86_400_000,
      description:
        'A connection that carried nothing for this long, with nothing under way at either end, closes; the next message opens one again.',
      source: 'gRPC: a channel goes idle after 30 minutes',
    }),
    pingMs: duration({
      default: 5_000,
      min: 100,
      max: 600_000,
      description: 'How often the peer of each connection is asked for an answer.',
    }),
    stallTimeoutMs: duration({
      default: 5_000,
      min: 500,
      max: 600_000,
      description:
        'A connection on which nothing moves for this long although an answer or bytes are owed is closed and dialed again.',
    }),
    probeTimeoutMs: duration({
      default: 1_000,
      min: 100,
      max: 60_000,
      description:
        'How long the connection to a peer that membership takes for failed may be silent after a ping; then it is closed, and what is under way on it ends.',
    }),
    connectionAgeMaxMs: duration({
      default: 86_400_000,
      min: 10_000,
      max: 2_147_483_647,
      description:
        'A connection this old is replaced; each draws from nine tenths of it, so that a cluster does not replace all at once.',
      source: 'one day: keys and certificates in use are never older',
    }),
    connectionPacketsMax: integer({
      default: 4_194_304,
      min: 1_000,
      max: 4_294_967_296,
      description: 'A connection that has sent this many packets is replaced.',
      source: 'half of the 2^23 packets that RFC 9001 allows one AES-GCM key',
    }),
    replaceWithinMs: duration({
      default: 60_000,
      min: 1_000,
      max: 3_600_000,
      description:
        'How long an end that accepted a connection, and has asked the one that dialed to replace it, waits before it does so itself. So new credentials are in force everywhere soon, and after this time where the end that dialed cannot reach the other any more.',
    }),
    replaceRetryMs: duration({
      default: 1_000,
      min: 10,
      max: 60_000,
      description:
        'Upper bound of the pause after the first try to replace a connection that failed; it doubles with each further one, up to a quarter of replaceWithinMs, and is drawn with full jitter.',
    }),
  }),
})

/**
 * Fills in defaults and checks how the values relate.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID with every problem
 */
export function parsePoolOptions(input: PoolOptions = {}): PoolSettings {
  const settings = poolOptions.parse(input)
  if (settings.backoffBaseMs > settings.backoffMaxMs) {
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `backoffBaseMs (${settings.backoffBaseMs}) must not exceed backoffMaxMs (${settings.backoffMaxMs})`,
    )
  }
  return settings
}
