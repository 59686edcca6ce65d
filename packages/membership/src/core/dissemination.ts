import { BoundedMap } from '@nodosum/kernel'

/**
 * What is still to be told, one slot for each node so that a newer statement replaces the older:
 * each is sent `4 * ceil(log10(n + 1))` times (memberlist's RetransmitMult), the least sent first.
 */
export class Dissemination<Subject, Statement> {
  readonly #slots: BoundedMap<Subject, { statement: Statement; sent: number }>

  constructor(subjectsMax: number) {
    this.#slots = new BoundedMap(subjectsMax)
  }

  get size(): number {
    return this.#slots.size
  }

  /** When full, the statement that was told most often makes room. */
  tell(subject: Subject, statement: Statement): void {
    if (this.#slots.set(subject, { statement, sent: 0 })) return
    let most: { subject: Subject; sent: number } | null = null
    for (const [other, { sent }] of this.#slots) {
      if (most === null || sent > most.sent) most = { subject: other, sent }
    }
    if (most !== null) this.#slots.delete(most.subject)
    this.#slots.set(subject, { statement, sent: 0 })
  }

  /** Takes what fits: `offer` is called for each and says whether the statement was taken. */
  take(clusterSize: number, offer: (statement: Statement) => boolean): void {
    const limit = retransmits(clusterSize)
    const order = [...this.#slots].sort(([, a], [, b]) => a.sent - b.sent)
    for (const [subject, slot] of order) {
      if (!offer(slot.statement)) continue
      slot.sent += 1
      if (slot.sent >= limit) this.#slots.delete(subject)
    }
  }
}

/** How often one statement is told in a cluster of this size. */
export function retransmits(clusterSize: number): number {
  return 4 * Math.ceil(Math.log10(clusterSize + 1))
}
