import { type Random, type Scheduler, seededRandom } from '@nodosum/kernel'
import type { Address } from '../address.ts'
import {
  type DirectionCounters,
  type Expectation,
  expectFired,
  type FaultName,
  newTally,
  type Tally,
} from '../core/counters.ts'
import type { FaultChange, LinkFaults, PerDirection } from '../core/faults.ts'
import { applyChange, type Protocol } from '../fault-options.ts'

/** What every proxy is started with. */
export interface ProxyOptions<F extends LinkFaults, Limits> {
  /** Where clients find the proxy; port 0 picks a free one. */
  readonly listen: Address
  /** Where it forwards to. */
  readonly to: Address
  /** What it does from the start; nothing unless told. */
  readonly faults?: FaultChange<F> | undefined
  /** Repeats every draw; by default drawn itself, and readable as `proxy.seed`. */
  readonly seed?: number | string | undefined
  readonly limits?: Partial<Limits> | undefined
  /** Clock and timers; those of the machine unless told. */
  readonly scheduler?: Scheduler | undefined
}

/** What a proxy is made of, whatever passes through it. */
export interface ProxySetup<F extends LinkFaults> {
  readonly protocol: Protocol
  readonly perfect: F
  readonly faults: FaultChange<F>
  readonly to: Address
  readonly seed: number | string
  readonly scheduler: Scheduler
}

/** A link between clients and one upstream address that fails as told, and counts how it did. */
export abstract class FaultProxy<F extends LinkFaults> {
  readonly protocol: Protocol
  /** Where it forwards to. */
  readonly to: Address
  /** What repeats its draws. */
  readonly seed: number | string
  protected readonly scheduler: Scheduler
  protected readonly random: Random
  protected readonly tallies: PerDirection<Tally> = { forward: newTally(), backward: newTally() }
  readonly #perfect: PerDirection<F>
  #faults: PerDirection<F>

  /** @throws ERR_NODOSUM_CONFIG_INVALID for faults that are not right */
  protected constructor(setup: ProxySetup<F>) {
    this.protocol = setup.protocol
    this.to = setup.to
    this.seed = setup.seed
    this.scheduler = setup.scheduler
    this.random = seededRandom(setup.seed)
    this.#perfect = { forward: setup.perfect, backward: setup.perfect }
    this.#faults = applyChange(this.protocol, this.#perfect, setup.faults)
  }

  /** Where clients find it. */
  abstract readonly address: Address

  /** What is done in each direction now. */
  get faults(): PerDirection<F> {
    return this.#faults
  }

  /** What was seen and done so far, as a copy. */
  get counters(): PerDirection<DirectionCounters> {
    return { forward: { ...this.tallies.forward }, backward: { ...this.tallies.backward } }
  }

  /**
   * Changes some faults, for both directions or for one; the others stay. It holds for what comes
   * from now on; a stall or a blackhole that ends lets go what it held.
   *
   * @throws ERR_NODOSUM_CONFIG_INVALID with every problem; then nothing has changed
   */
  set(change: FaultChange<F>): void {
    this.#faults = applyChange(this.protocol, this.#faults, change)
    this.changed()
  }

  /** Ends every fault; what is under way keeps the time it was given. */
  clear(): void {
    this.#faults = this.#perfect
    this.changed()
  }

  /** @throws Error when the fault hit less often than expected */
  expectFired(fault: FaultName, expectation: Expectation = {}): void {
    expectFired(this.tallies, fault, expectation)
  }

  /** Ends everything that goes through it. Never rejects; calling it again waits for the same. */
  abstract close(): Promise<void>

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The faults are others now. */
  protected abstract changed(): void
}
