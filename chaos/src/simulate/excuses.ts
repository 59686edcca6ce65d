import type { Fault } from '@nodosum/testkit'

/** After a fault has ended, what it caused may go on for so long. */
const graceMs = 30_000
/** A pause of this length must not kill anybody. */
const harmlessPauseMs = 3_000

/** Who may be declared dead, and may declare others dead, because a fault has touched it. */
export class Excuses {
  readonly #untilMs = new Map<string, number>()
  readonly #touchedUntilMs = new Map<string, number>()

  /** A fault touches these, be it harmless: others may suspect them for a moment. */
  touch(hosts: readonly string[], nowMs: number, forMs: number | null): void {
    extend(this.#touchedUntilMs, hosts, nowMs, forMs)
  }

  /** @param forMs how long the fault lasts; null when it is not known to end */
  grant(hosts: readonly string[], nowMs: number, forMs: number | null): void {
    extend(this.#untilMs, hosts, nowMs, forMs)
  }

  /** All faults have ended. */
  expire(nowMs: number): void {
    for (const ends of [this.#untilMs, this.#touchedUntilMs]) {
      for (const [host, untilMs] of ends) ends.set(host, Math.min(untilMs, nowMs + graceMs))
    }
  }

  has(host: string, nowMs: number): boolean {
    return nowMs < (this.#untilMs.get(host) ?? 0)
  }

  isTouched(host: string, nowMs: number): boolean {
    return nowMs < (this.#touchedUntilMs.get(host) ?? 0)
  }
}

function extend(
  ends: Map<string, number>,
  hosts: readonly string[],
  nowMs: number,
  forMs: number | null,
): void {
  const untilMs = forMs === null ? Number.POSITIVE_INFINITY : nowMs + forMs + graceMs
  for (const host of hosts) ends.set(host, Math.max(untilMs, ends.get(host) ?? 0))
}

/** Whom a fault touches. */
export function touchedBy(fault: Fault): readonly string[] {
  switch (fault.kind) {
    case 'partition':
      return fault.groups.flat()
    case 'cut':
    case 'link':
      return [...fault.from, ...fault.to]
    default:
      return fault.hosts
  }
}

/** Who may be declared dead because of a fault, unless its step says otherwise. */
export function excusedBy(fault: Fault, forMs: number | null): readonly string[] {
  const isHarmless = fault.kind === 'pause' && forMs !== null && forMs <= harmlessPauseMs
  return isHarmless ? [] : touchedBy(fault)
}
