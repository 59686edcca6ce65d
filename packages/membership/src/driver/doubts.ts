import type { Member } from '../core/member.ts'

/** So many denials within `windowMs` are no accident any more. */
const denialsNeeded = 5
const windowMs = 60_000

/** While it goes on, it is warned of this often. */
const warnAgainMs = 600_000

/**
 * Others suspect this node, and each time it has to deny it. Now and then that is a lost packet or a
 * pause; again and again it means that they do not reach the address that this node announces.
 */
export class Doubts {
  /** When this node denied lately, the oldest first; at most `denialsNeeded`. */
  #deniedMs: number[] = []
  #denials = 0
  #warnedMs = Number.NEGATIVE_INFINITY

  /** @param denials how often this node has denied since its start */
  isWorthAWarning(nowMs: number, denials: number): boolean {
    for (; this.#denials < denials; this.#denials += 1) {
      this.#deniedMs = [...this.#deniedMs, nowMs].slice(-denialsNeeded)
    }
    if (!this.goOn(nowMs) || nowMs - this.#warnedMs < warnAgainMs) return false
    this.#warnedMs = nowMs
    return true
  }

  /** Whether this node is suspected again and again at this time. */
  goOn(nowMs: number): boolean {
    const [first = Number.NEGATIVE_INFINITY] = this.#deniedMs
    return this.#deniedMs.length === denialsNeeded && nowMs - first < windowMs
  }
}

/** What it means that others suspect a node which runs. */
export function doubtful({ addresses: [address] }: Member): string {
  const where = address === undefined ? '' : ` ${address.host}:${address.udpPort}`
  return `they do not reach the address${where} that it advertises; check advertise.host and firewalls`
}
