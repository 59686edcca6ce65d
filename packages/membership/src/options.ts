import { defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'

/** See `membershipOptions` for defaults, ranges and meanings. */
export interface MembershipOptions {
  readonly probePeriodMs: number
  readonly probeTimeoutMs: number
  readonly indirectProbes: number
  readonly watchPeriodMs: number
  readonly watchers: number
  readonly suspicionMinMs: number
  readonly suspicionMaxMultiple: number
  readonly suspicionConfirmations: number
  readonly gossipPeriodMs: number
  readonly gossipFanout: number
  readonly newsMax: number
  readonly syncPeriodMs: number
  readonly syncQuietMs: number
  readonly syncBytesPerSecond: number
  readonly reconnectPeriodMs: number
  readonly viewQuietMs: number
  readonly viewDelayMaxMs: number
  readonly quarantineMs: number
  readonly quarantineMaxMs: number
  readonly quarantineForgetMs: number
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
    watchPeriodMs: duration({
      default: 2_000,
      min: 100,
      max: 120_000,
      description:
        'How often the next member on the ring is probed, beside those in turn: bounds the time to the first probe of a dead one.',
    }),
    watchers: integer({
      default: 5,
      min: 1,
      max: 16,
      description: 'How many members before a suspect on the ring look for themselves.',
    }),
    suspicionMinMs: duration({
      default: 3_500,
      min: 200,
      max: 600_000,
      description:
        'Least time between suspicion and failure, times the local health. A pause shorter than this kills nobody.',
    }),
    suspicionMaxMultiple: integer({
      default: 6,
      min: 1,
      max: 100,
      description: 'A suspicion that nobody confirms lasts this many times the least time.',
      source: 'memberlist SuspicionMaxTimeoutMult',
    }),
    suspicionConfirmations: integer({
      default: 3,
      min: 0,
      max: 3,
      description: 'So many others shorten a suspicion to its least time.',
      source: 'Lifeguard; memberlist takes 2',
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
    newsMax: integer({
      default: 512,
      min: 16,
      max: 65_536,
      description:
        'Statements that wait to be told, one for each member and kind. Beyond it anti-entropy brings them.',
    }),
    syncPeriodMs: duration({
      default: 10_000,
      min: 500,
      max: 600_000,
      description:
        'Views that keep changing are compared this often all the same; and how often discovery is asked once joined.',
    }),
    syncQuietMs: duration({
      default: 1_000,
      min: 50,
      max: 60_000,
      description:
        'A view that did not change for this long and differs from another is compared with it.',
    }),
    syncBytesPerSecond: integer({
      default: 262_144,
      min: 4_096,
      max: 67_108_864,
      description: 'What is served to others that compare views. Beyond it they ask somebody else.',
    }),
    reconnectPeriodMs: duration({
      default: 10_000,
      min: 500,
      max: 600_000,
      description: 'How often one failed member is contacted, so that partitions heal.',
      source: 'ringpop: 3 / n every 30 s',
    }),
    viewQuietMs: duration({
      default: 3_000,
      min: 10,
      max: 60_000,
      description:
        'A view is published once three others have the same one, or once it did not change for this long.',
    }),
    viewDelayMaxMs: duration({
      default: 10_000,
      min: 10,
      max: 600_000,
      description: 'A view that keeps changing is published after this long all the same.',
    }),
    quarantineMs: duration({
      default: 60_000,
      min: 0,
      max: 86_400_000,
      description:
        'How long a member that failed and returned twice is not shown; doubles with each further return. Half of it for a first return, if it is quick, all but a fiftieth stayed, and the member was heard while it heard nothing.',
    }),
    quarantineMaxMs: duration({
      default: 1_800_000,
      min: 0,
      max: 86_400_000,
      description: 'The longest quarantine.',
    }),
    quarantineForgetMs: duration({
      default: 600_000,
      min: 1_000,
      max: 86_400_000,
      description: 'A member that stays this long starts anew.',
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
