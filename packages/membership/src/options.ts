import { defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'

/** See `membershipOptions` for defaults, ranges and meanings. */
export interface MembershipOptions {
  readonly probePeriodMs: number
  readonly probeTimeoutMs: number
  readonly indirectProbes: number
  readonly suspicionMinMs: number
  readonly gossipPeriodMs: number
  readonly gossipFanout: number
  readonly syncPeriodMs: number
  readonly joinRetryMs: number
  readonly rememberFailedMs: number
  readonly membersMax: number
}

/** Every limit and time of membership. */
export const membershipOptions: OptionTable<MembershipOptions> = defineOptions({
  name: 'membership',
  schema: z.strictObject({
    probePeriodMs: duration({
      default: 1_000,
      min: 100,
      max: 60_000,
      description: 'Each period one member is probed, in shuffled turns.',
      source: 'memberlist DefaultLANConfig',
    }),
    probeTimeoutMs: duration({
      default: 500,
      min: 50,
      max: 30_000,
      description: 'After this long without an answer others are asked to probe as well.',
      source: 'memberlist DefaultLANConfig',
    }),
    indirectProbes: integer({
      default: 3,
      min: 0,
      max: 16,
      description: 'How many others are asked to probe.',
      source: 'memberlist DefaultLANConfig',
    }),
    suspicionMinMs: duration({
      default: 3_500,
      min: 200,
      max: 600_000,
      description:
        'Least time between suspicion and failure; times max(1, log10 n). A pause shorter than this kills nobody.',
    }),
    gossipPeriodMs: duration({
      default: 200,
      min: 20,
      max: 10_000,
      description: 'How often news is passed on.',
      source: 'memberlist DefaultLANConfig',
    }),
    gossipFanout: integer({
      default: 3,
      min: 1,
      max: 16,
      description: 'To how many members at a time.',
      source: 'memberlist DefaultLANConfig',
    }),
    syncPeriodMs: duration({
      default: 10_000,
      min: 500,
      max: 600_000,
      description:
        'How often one member is asked for its whole view, and one failed member or seed is contacted, so that partitions heal.',
    }),
    joinRetryMs: duration({
      default: 1_000,
      min: 100,
      max: 60_000,
      description: 'How often discovery is asked while nobody was found; also one round of alone.',
    }),
    rememberFailedMs: duration({
      default: 86_400_000,
      min: 10_000,
      max: 604_800_000,
      description: 'How long failed and left members are remembered.',
      source: 'foca remembers for 24 hours',
    }),
    membersMax: integer({
      default: 4_096,
      min: 2,
      max: 65_536,
      description: 'Members that are remembered. Beyond it the longest failed make room.',
    }),
  }),
})
