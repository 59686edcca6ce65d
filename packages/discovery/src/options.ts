import { defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'

/** Limits and times of this package; meanings, ranges and defaults are in `discoveryOptions`. */
export interface DiscoveryOptions {
  readonly addressesMax: number
  readonly lookupTimeoutMs: number
  readonly recordsMax: number
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
      description: 'How long one look waits for the addresses of host names, or for a function.',
    }),
    recordsMax: integer({
      default: 1_024,
      min: 1,
      max: 65_536,
      description: 'Most files that one look reads in a shared directory.',
    }),
  }),
})
