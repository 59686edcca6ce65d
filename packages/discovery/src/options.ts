import { defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'

/** Limits and times of this package; meanings, ranges and defaults are in `discoveryOptions`. */
export interface DiscoveryOptions {
  readonly addressesMax: number
  readonly lookupTimeoutMs: number
  readonly recordsMax: number
  readonly dnsTtlMinMs: number
  readonly dnsTtlMaxMs: number
  readonly consulWaitMs: number
  readonly answerBytesMax: number
  readonly fileBytesMax: number
}

/** Every limit and time of discovery. */
export const discoveryOptions: OptionTable<DiscoveryOptions> = defineOptions({
  name: 'discovery',
  schema: z.strictObject({
    addressesMax: integer({
      default: 128,
      min: 1,
      max: 4_096,
      description: 'Most addresses of one look; what is beyond is left out and said in the detail.',
    }),
    lookupTimeoutMs: duration({
      default: 5_000,
      min: 100,
      max: 60_000,
      description:
        'How long one look waits for the addresses of host names, for name servers, for Consul, or for a function.',
    }),
    recordsMax: integer({
      default: 1_024,
      min: 1,
      max: 65_536,
      description:
        'Most files that one look reads in a shared directory; most records of a DNS answer and entries of one of Consul, above which it is refused.',
    }),
    dnsTtlMinMs: duration({
      default: 1_000,
      min: 0,
      max: 60_000,
      description: 'An answer of a name server with addresses is used at least this long.',
    }),
    dnsTtlMaxMs: duration({
      default: 30_000,
      min: 0,
      max: 3_600_000,
      description: 'And at most this long, whatever its records say.',
    }),
    consulWaitMs: duration({
      default: 30_000,
      min: 1_000,
      max: 600_000,
      description: 'How long Consul may hold back the answer of a blocking query.',
      source: 'Consul limits it to 10 minutes',
    }),
    answerBytesMax: integer({
      default: 1_048_576,
      min: 1_024,
      max: 67_108_864,
      description: 'The largest answer of Consul that is read, in bytes.',
    }),
    fileBytesMax: integer({
      default: 1_048_576,
      min: 64,
      max: 67_108_864,
      description: 'The largest file with addresses that is read, in bytes.',
    }),
  }),
})
