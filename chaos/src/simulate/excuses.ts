import type { Fault } from '@nodosum/testkit'

/** After a fault has ended, what it caused may go on for so long. */
const graceMs = 30_000
/** A pause of this length must not kill anybody. */
export const harmlessPauseMs = 3_000

/** Who may be declared dead, and may declare others dead, because a fault has touched it. */
export class Excuses {
  readonly #untilMs = new Map<string, number>()

  /** @param forMs how long the fault lasts; null when it is not known to end */
  grant(hosts: readonly string[], nowMs: number, forMs: number | null): void {
    const untilMs = forMs === null ? Number.POSITIVE_INFINITY : nowMs + forMs + graceMs
    for (const host of hosts) {
      this.#untilMs.set(host, Math.max(untilMs, this.#untilMs.get(host) ?? 0))
    }
  }

  /** All faults have ended. */
  expire(nowMs: number): void {
    for (const [host, untilMs] of this.#untilMs) {
      this.#untilMs.set(host, Math.min(untilMs, nowMs + graceMs))
    }
  }

  has(host: string, nowMs: number): boolean {
    return nowMs < (this.#untilMs.get(host) ?? 0)
  }
}

/** Whom a fault touches, unless its step says otherwise. */
export function touchedBy(fault: Fault, forMs: number | null): readonly string[] {
  switch (fault.kind) {
    case 'pause':
      return forMs !== null && forMs <= harmlessPauseMs ? [] : fault.hosts
    case 'partition':
      return fault.groups.flat()
    case 'cut':
    case 'link':
      return [...fault.from, ...fault.to]
    default:
      return fault.hosts
  }
}
