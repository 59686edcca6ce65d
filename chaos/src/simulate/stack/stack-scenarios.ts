/** How often something happens, as its mean pause in milliseconds; null for never. */
export interface StackFaults {
  /** Every connection breaks under its sessions. */
  readonly breaksEveryMs: number | null
  /** The nodes fall into two groups that do not reach each other, for up to six seconds. */
  readonly partitionsEveryMs: number | null
  /** A process is killed; another one of the same name starts within six seconds. */
  readonly killsEveryMs: number | null
  /** A process stands still for up to four seconds. */
  readonly pausesEveryMs: number | null
  /** A node drains, closes and starts again. */
  readonly drainsEveryMs: number | null
  /** One node after the other drains, closes and starts again; each waits for the one before. */
  readonly drainsInTurn: boolean
  /** Packets get lost, doubled and overtaken, and connections are late. */
  readonly unkindNetwork: boolean
}

/** What the nodes ask of each other. */
export interface StackTraffic {
  /** Longest pause between two bursts of a node, in milliseconds. */
  readonly pauseMaxMs: number
  /** Calls of one burst, at most. */
  readonly burstMax: number
  /** How long a handler works, at most, in milliseconds. */
  readonly workMaxMs: number
  /** One of so many handlers hangs for up to three seconds; 0 for none. */
  readonly hangsOneOf: number
  /** One of so many handlers throws; 0 for none. */
  readonly throwsOneOf: number
  /** One of so many requests is cancelled by its caller; 0 for none. */
  readonly cancelsOneOf: number
  /** One of so many requests has a deadline of less than a second; 0 for none. */
  readonly hurriesOneOf: number
}

export interface StackScenario {
  readonly name: string
  readonly summary: string
  /** How long the nodes ask, in milliseconds. */
  readonly trafficMs: number
  readonly traffic: StackTraffic
  readonly faults: StackFaults
  /** Small limits of queues, windows and handlers, so that they are reached. */
  readonly limits: 'ample' | 'small'
  /** Whether each seed draws which of the faults it has, and its limits. */
  readonly draws: boolean
}

const noFaults: StackFaults = {
  breaksEveryMs: null,
  partitionsEveryMs: null,
  killsEveryMs: null,
  pausesEveryMs: null,
  drainsEveryMs: null,
  drainsInTurn: false,
  unkindNetwork: false,
}

const calm: StackTraffic = {
  pauseMaxMs: 120,
  burstMax: 3,
  workMaxMs: 40,
  hangsOneOf: 0,
  throwsOneOf: 20,
  cancelsOneOf: 12,
  hurriesOneOf: 10,
}

interface Given extends Partial<Omit<StackScenario, 'faults' | 'traffic'>> {
  readonly faults?: Partial<StackFaults>
  readonly traffic?: Partial<StackTraffic>
}

function scenario(name: string, summary: string, given: Given = {}): StackScenario {
  return {
    trafficMs: 5_000,
    limits: 'ample',
    draws: false,
    ...given,
    name: `stack-${name}`,
    summary,
    faults: { ...noFaults, ...given.faults },
    traffic: { ...calm, ...given.traffic },
  }
}

const allScenarios: readonly StackScenario[] = [
  scenario('quiet', 'calls of every kind, and nothing happens'),
  scenario('overload', 'more is asked than handlers, queues and windows can take', {
    limits: 'small',
    trafficMs: 2_000,
    traffic: { pauseMaxMs: 25, burstMax: 8, workMaxMs: 150, hangsOneOf: 25 },
  }),
  scenario('restarts', 'processes are killed and start again, while connections break', {
    trafficMs: 12_000,
    traffic: { pauseMaxMs: 250 },
    faults: { killsEveryMs: 2_500, breaksEveryMs: 1_500 },
  }),
  scenario('partitions', 'the nodes lose sight of each other, and stand still', {
    trafficMs: 14_000,
    traffic: { pauseMaxMs: 250 },
    faults: { partitionsEveryMs: 4_000, pausesEveryMs: 4_000, unkindNetwork: true },
  }),
  scenario('drain', 'one node after the other drains and starts again under load', {
    trafficMs: 6_000,
    traffic: { pauseMaxMs: 120, throwsOneOf: 0, cancelsOneOf: 0, hurriesOneOf: 0 },
    faults: { drainsInTurn: true },
  }),
  scenario('swarm', 'everything, each seed with faults, limits and a number of nodes of its own', {
    trafficMs: 8_000,
    draws: true,
    traffic: { pauseMaxMs: 400, burstMax: 6, workMaxMs: 120, hangsOneOf: 40 },
    faults: {
      breaksEveryMs: 1_500,
      partitionsEveryMs: 5_000,
      killsEveryMs: 4_000,
      pausesEveryMs: 4_000,
      drainsEveryMs: 5_000,
      unkindNetwork: true,
    },
  }),
]

/** Every scenario of the whole stack by its name. */
export const stackScenarios: ReadonlyMap<string, StackScenario> = new Map(
  allScenarios.map((each) => [each.name, each]),
)
