import type { StreamsOptions } from '@nodosum/streams'

/** How often something happens, as its mean pause in milliseconds; null for never. */
export interface SessionFaults {
  /** Every connection breaks under both ends. */
  readonly breaksEveryMs: number | null
  /** One direction between two nodes is cut for up to three seconds. */
  readonly cutsEveryMs: number | null
  /** A node dials another connection and goes on over it; half of the time both ends do. */
  readonly replacesEveryMs: number | null
  /** Readers stop for up to two seconds. */
  readonly pausesEveryMs: number | null
  /** Membership takes a node for failed that is not, until the next time. */
  readonly rumoursEveryMs: number | null
  /** A process dies; another one of the same name starts within five seconds. */
  readonly killsEveryMs: number | null
  /** A process dies for good in the middle of the run. */
  readonly leavesOneDead: boolean
  /** Loss, jitter and standstills of the paths. */
  readonly unkindPaths: boolean
}

export interface SessionScenario {
  readonly name: string
  readonly summary: string
  readonly nodes: number
  /** How long messages are sent. */
  readonly trafficMs: number
  /** Longest pause between two bursts of a sender; lanes are idle in the longer ones. */
  readonly pauseMaxMs: number
  readonly faults: SessionFaults
  readonly options: Partial<StreamsOptions>
  /** Bursts on all lanes among all nodes, or lanes of all classes from the first node to the second. */
  readonly traffic: 'bursts' | 'classes'
}

const none: SessionFaults = {
  breaksEveryMs: null,
  cutsEveryMs: null,
  replacesEveryMs: null,
  pausesEveryMs: null,
  rumoursEveryMs: null,
  killsEveryMs: null,
  leavesOneDead: false,
  unkindPaths: false,
}

function scenario(
  name: string,
  summary: string,
  faults: Partial<SessionFaults>,
  options: Partial<StreamsOptions> = {},
): SessionScenario {
  const small = { laneBufferBytesMax: 131_072, laneWindowBytes: 65_536 }
  const all = { ...none, ...faults }
  return {
    name: `sessions-${name}`,
    summary,
    nodes: 2,
    trafficMs: 8_000,
    pauseMaxMs: 60,
    faults: all,
    options: { ...small, ...options },
    traffic: 'bursts',
  }
}

const allScenarios: readonly SessionScenario[] = [
  scenario('quiet', 'nothing happens', {}),
  scenario('breaks', 'connections break in the middle of frames, on unkind paths', {
    breaksEveryMs: 700,
    cutsEveryMs: 4_000,
    unkindPaths: true,
  }),
  scenario('replacements', 'connections are replaced while they work, at times by both ends', {
    replacesEveryMs: 150,
    breaksEveryMs: 3_000,
    unkindPaths: true,
  }),
  scenario('slow-readers', 'readers stop and go on', {
    pausesEveryMs: 300,
    breaksEveryMs: 2_000,
  }),
  scenario('rumours', 'membership is wrong about who has failed, while connections break', {
    rumoursEveryMs: 800,
    breaksEveryMs: 500,
  }),
  scenario(
    'restarts',
    'processes die and start again',
    { killsEveryMs: 2_500, breaksEveryMs: 2_000, replacesEveryMs: 1_000 },
    { retentionMs: 3_000 },
  ),
  scenario(
    'death',
    'a process dies for good, and membership says so',
    { leavesOneDead: true, breaksEveryMs: 2_000 },
    { retentionMs: 3_000 },
  ),
  {
    ...scenario(
      'idle',
      'lanes are idle, close and open again, while connections break and are replaced',
      { breaksEveryMs: 600, replacesEveryMs: 200, pausesEveryMs: 1_000, unkindPaths: true },
      { laneIdleMs: 60, lanesPerApplicationMax: 3 },
    ),
    trafficMs: 12_000,
    pauseMaxMs: 250,
  },
  {
    ...scenario(
      'classes',
      'lanes of all classes at full rate on a slow path',
      {},
      {
        laneBufferBytesMax: 1_048_576,
        laneWindowBytes: 1_048_576,
        scheduledWaitMaxMs: 300,
        pathSpareBytes: 131_072,
      },
    ),
    traffic: 'classes',
    trafficMs: 4_000,
  },
  {
    ...scenario(
      'budgets',
      'three nodes that may keep and grant a few times less than their lanes would',
      {
        pausesEveryMs: 300,
        breaksEveryMs: 1_500,
        replacesEveryMs: 1_000,
        killsEveryMs: 4_000,
      },
      {
        retentionMs: 3_000,
        laneBufferBytesMax: 1_048_576,
        laneWindowBytes: 1_048_576,
        nodeBufferBytesMax: 1_048_576,
        nodeWindowBytes: 1_048_576,
      },
    ),
    nodes: 3,
  },
  {
    ...scenario(
      'swarm',
      'everything among three nodes, each seed with faults of its own',
      {
        breaksEveryMs: 1_000,
        cutsEveryMs: 4_000,
        replacesEveryMs: 300,
        pausesEveryMs: 600,
        rumoursEveryMs: 2_000,
        killsEveryMs: 4_000,
        unkindPaths: true,
      },
      { retentionMs: 30_000, laneIdleMs: 50 },
    ),
    nodes: 3,
    pauseMaxMs: 120,
  },
]

/** Every scenario of sessions by its name. */
export const sessionScenarios: ReadonlyMap<string, SessionScenario> = new Map(
  allScenarios.map((each) => [each.name, each]),
)
