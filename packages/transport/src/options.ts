import { defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'

/** Limits and times of dialing; meanings, ranges and defaults are in `dialerOptions`. */
export interface DialerSettings {
  readonly attemptsMax: number
  readonly queueMax: number
  readonly addressesMax: number
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  readonly failuresMax: number
}

/** What a caller may give. */
export type DialerOptions = Partial<DialerSettings>

/** Every limit and time of dialing. */
export const dialerOptions: OptionTable<DialerSettings> = defineOptions({
  name: 'dialer',
  schema: z.strictObject({
    attemptsMax: integer({
      default: 16,
      min: 1,
      max: 1_024,
      description: 'Peers that are dialed at once. More wait in a queue.',
    }),
    queueMax: integer({
      default: 256,
      min: 1,
      max: 65_536,
      description:
        'Peers whose dial waits for its turn. One more is refused with LIMIT_CONNECTIONS.',
    }),
    addressesMax: integer({
      default: 4,
      min: 1,
      max: 16,
      description: 'Addresses of one peer that are tried, in order; further ones are ignored.',
      source: 'a member record has at most 4',
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
    failuresMax: integer({
      default: 1_024,
      min: 1,
      max: 65_536,
      description: 'Peers whose failures are remembered; beyond it the oldest is forgotten.',
    }),
  }),
})
