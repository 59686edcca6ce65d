import { ReplayWindow } from './replay-window.ts'

/** What is kept for one sender: its derived key and the counters seen. */
export interface KnownSender<Key> {
  readonly key: Key
  readonly window: ReplayWindow
}

/** How many senders that left are still remembered by their highest counter, for each one kept. */
export const forgottenPerSender = 16

/**
 * The senders whose packets opened, bounded: one more and the least recently heard leaves.
 *
 * A sender that leaves loses its window, but its highest counter stays in a second, larger bounded
 * map: when it comes back, everything up to there counts as seen. So a recorded packet can be
 * replayed only after 17 times `sendersMax` other senders (each a start of a node that holds the
 * key) were heard since its own sender was last heard.
 */
export class SenderMemory<Key> {
  readonly #sendersMax: number
  readonly #known = new Map<string, KnownSender<Key>>()
  readonly #floors = new Map<string, number>()

  constructor(sendersMax: number) {
    this.#sendersMax = sendersMax
  }

  get size(): number {
    return this.#known.size
  }

  /** Finds a sender without changing the order. */
  find(sender: string): KnownSender<Key> | undefined {
    return this.#known.get(sender)
  }

  /** The window that a sender would start with: empty, unless it was known before. */
  newWindow(sender: string): ReplayWindow {
    return new ReplayWindow(this.#floors.get(sender) ?? 0)
  }

  /** Keeps a sender, as the most recently heard. Only after its packet proved to be genuine. */
  heard(sender: string, known: KnownSender<Key>): void {
    this.#known.delete(sender)
    this.#floors.delete(sender)
    this.#known.set(sender, known)
    if (this.#known.size > this.#sendersMax) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const [oldest] = this.#known
    if (oldest === undefined) return
    const [sender, { window }] = oldest
    this.#known.delete(sender)
    this.#floors.set(sender, window.highest)
    const [first] = this.#floors.keys()
    if (this.#floors.size > this.#sendersMax * forgottenPerSender && first !== undefined) {
      this.#floors.delete(first)
    }
  }
}
