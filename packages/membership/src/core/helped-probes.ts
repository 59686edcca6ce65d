import type { PacketAddress } from './effects.ts'

/** A probe that this node makes because another one got no answer. */
export interface HelpedProbe {
  /** Who asked. */
  readonly to: PacketAddress
  /** The number that the asker gave its probe. */
  readonly probe: number
  readonly target: string
  readonly untilMs: number
}

/** Probes on behalf of others at once; one more is not done, which its asker takes for loss. */
const helpedMax = 1_024

/** Probes on behalf of others that wait for an answer, by this node's own sequence. */
export class HelpedProbes {
  readonly #probes = new Map<number, HelpedProbe>()

  /** False when too many wait already. */
  start(nowMs: number, sequence: number, probe: HelpedProbe): boolean {
    for (const [old, { untilMs }] of this.#probes) if (untilMs < nowMs) this.#probes.delete(old)
    if (this.#probes.size >= helpedMax) return false
    this.#probes.set(sequence, probe)
    return true
  }

  /** The probe that this answer ends, if the right member answers. */
  end(sequence: number, from: string): HelpedProbe | undefined {
    const probe = this.#probes.get(sequence)
    if (probe === undefined || probe.target !== from) return undefined
    this.#probes.delete(sequence)
    return probe
  }
}
