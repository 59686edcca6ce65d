import { invariant, type Random, seededRandom } from '@nodosum/kernel'
import { type FaultKind, faultKinds, inflict, type PlannedFault } from './faults.ts'
import { InvariantChecks } from './invariant-checks.ts'
import type { LinkQuality } from './link-quality.ts'
import { SimulatedHost, type SimulatedProcess } from './simulated-host.ts'
import { type SimulatedNetwork, simulatedNetwork } from './simulated-network.ts'
import { type SimulatedScheduler, simulatedScheduler } from './simulated-scheduler.ts'
import { TraceHash } from './trace-hash.ts'

export interface SimulationOptions {
  /** Decides everything that is drawn: the same seed gives the same run. */
  readonly seed: number | string
  /** What runs on each host, from its start on. */
  readonly program: (process: SimulatedProcess) => void
  /** Of the whole network, to begin with; default 1 ms, nothing lost. */
  readonly quality?: Partial<LinkQuality>
  /** See `SimulatedHostOptions`. */
  readonly onEnd?: (host: SimulatedHost) => void
  readonly socketBytesMax?: number
  readonly timerLatenessMs?: number
  /** Default 10,000. */
  readonly hostsMax?: number
}

/** Hosts that run one program each on a simulated network, and are hurt as planned. */
export class Simulation {
  readonly scheduler: SimulatedScheduler = simulatedScheduler()
  readonly network: SimulatedNetwork
  /** The streams `network` and `host <name>` are taken; draw from others. */
  readonly random: Random
  /** Hashes every packet that is delivered and every fault; add what else must be the same. */
  readonly trace: TraceHash = new TraceHash()
  readonly checks: InvariantChecks<SimulatedHost>
  /** How often each kind of fault has begun: a fault that never happens tests nothing. */
  readonly faultCounts: Readonly<Record<FaultKind, number>>
  readonly #options: SimulationOptions
  readonly #hosts = new Map<string, SimulatedHost>()
  readonly #counts = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<
    FaultKind,
    number
  >
  readonly #endings = new Set<() => void>()

  constructor(options: SimulationOptions) {
    this.#options = options
    this.random = seededRandom(options.seed)
    const { scheduler, random, trace } = this
    const { quality } = options
    this.network = simulatedNetwork({
      scheduler,
      random: random.stream('network'),
      ...(quality && { quality }),
    })
    this.network.onDelivery = (bytes, from, to) => {
      trace.number(scheduler.nowMs())
      trace.text(from.host)
      trace.text(to.host)
      trace.bytes(bytes)
    }
    this.checks = new InvariantChecks(() => scheduler.nowMs())
    this.faultCounts = this.#counts
  }

  /** In the order in which they were added. */
  get hosts(): readonly SimulatedHost[] {
    return [...this.#hosts.values()]
  }

  /** The host of this name, which must have been added. */
  host(name: string): SimulatedHost {
    const host = this.#hosts.get(name)
    if (host === undefined) throw new Error(`no host is called '${name}'`)
    return host
  }

  /** Adds a host and starts the program on it. */
  start(name: string): SimulatedHost {
    const { hostsMax = 10_000, onEnd, socketBytesMax, timerLatenessMs } = this.#options
    invariant(this.#hosts.size < hostsMax, 'a simulation has at most hostsMax hosts')
    invariant(!this.#hosts.has(name), 'each host has its own name')
    const host = new SimulatedHost({
      name,
      scheduler: this.scheduler,
      network: this.network,
      random: this.random.stream(`host ${name}`),
      onStep: (stepped) => this.checks.step(stepped),
      ...(onEnd !== undefined && { onEnd }),
      ...(socketBytesMax !== undefined && { socketBytesMax }),
      ...(timerLatenessMs !== undefined && { timerLatenessMs }),
    })
    this.#hosts.set(name, host)
    this.restart(host)
    return host
  }

  /** Starts the program on a host, unless it runs there. */
  restart(host: SimulatedHost): void {
    if (!host.isRunning) host.start(this.#options.program)
  }

  /** Makes faults happen at their times from now, and end at theirs. */
  plan(faults: readonly PlannedFault[]): void {
    for (const planned of faults) this.scheduler.after(planned.atMs, () => this.#inflict(planned))
  }

  /** Ends every fault that is under way, so that what follows has no excuse. */
  heal(): void {
    for (const end of [...this.#endings]) end()
    this.network.heal()
  }

  #inflict({ fault, forMs }: PlannedFault): void {
    this.trace.text(JSON.stringify(fault))
    this.#counts[fault.kind] += 1
    const endFault = inflict(this, fault, forMs)
    const end = (): void => {
      if (this.#endings.delete(end)) endFault()
    }
    this.#endings.add(end)
    if (forMs !== null) this.scheduler.after(forMs, end)
  }
}
