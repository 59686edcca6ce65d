import { defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'

/** Limits and times of this package; meanings, ranges and defaults are in `securityOptions`. */
export interface SecurityOptions {
  readonly gossipSendersMax: number
  readonly developmentLockWaitMs: number
}

/** Every limit and time of identities and gossip packets that can be set. */
export const securityOptions: OptionTable<SecurityOptions> = defineOptions({
  name: 'security',
  schema: z.strictObject({
    gossipSendersMax: integer({
      default: 4_096,
      min: 4,
      max: 65_536,
      description:
        'Starts of nodes whose seen packets are remembered, so that none is taken twice. The least recently heard leaves; of 16 times as many the highest counter stays.',
    }),
    developmentLockWaitMs: duration({
      default: 15_000,
      min: 100,
      max: 300_000,
      description: 'How long a first start waits for another one that makes the development CA.',
    }),
  }),
})
