import type { NodeState } from './node-state.ts'
import type { Source } from './source.ts'
import type { Timer } from './timers.ts'

/** A probe that this node makes because another one got no answer. */
interface HelpedProbe {
  readonly to: Source['address']
  /** The number that the asker gave its probe. */
  readonly probe: number
  readonly target: string
  readonly timer: Timer
  hasNacked: boolean
}

/** Probes on behalf of others at once; one more is not done, which its asker takes for loss. */
const helpedMax = 1_024

/** Probes on behalf of others that wait for an answer, by this node's own sequence. */
export class HelpedProbes {
  readonly #state: NodeState
  readonly #probes = new Map<number, HelpedProbe>()

  constructor(state: NodeState) {
    this.#state = state
  }

  /**
   * @param nackMs after this long the asker hears that there is no answer yet, so that it knows
   *   that this node and the way to it are well
   * @returns false when too many wait already
   */
  start(
    nowMs: number,
    sequence: number,
    source: Source,
    request: { probe: number; target: string },
    nackMs: number,
  ): boolean {
    if (this.#probes.size >= helpedMax) return false
    const timer = this.#state.timers.create((atMs) => this.#late(atMs, sequence))
    const { probe, target } = request
    this.#probes.set(sequence, { to: source.address, probe, target, timer, hasNacked: false })
    timer.set(nowMs + nackMs)
    return true
  }

  /** Passes the answer on, if the right member gives it; false when no such probe is known. */
  answered(sequence: number, source: Source): boolean {
    const helped = this.#probes.get(sequence)
    if (helped === undefined) return false
    if (helped.target !== source.nodeId) return true
    helped.timer.cancel()
    this.#probes.delete(sequence)
    const { probe, target } = helped
    const { bootTag } = source
    this.#state.outbox.send(helped.to, { kind: 'indirectAck', probe, target, bootTag })
    return true
  }

  #late(nowMs: number, sequence: number): void {
    const helped = this.#probes.get(sequence)
    if (helped === undefined) return
    if (helped.hasNacked) {
      this.#probes.delete(sequence)
      return
    }
    helped.hasNacked = true
    this.#state.outbox.send(helped.to, { kind: 'nack', probe: helped.probe })
    helped.timer.set(nowMs + this.#state.options.probePeriodMs)
  }
}
