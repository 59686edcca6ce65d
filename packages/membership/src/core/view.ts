import type { Timer, Timers } from './timers.ts'

/** Times of the view, in milliseconds. */
export interface ViewOptions {
  /** A changed view is published when others agree, or nothing changed for so long. */
  readonly viewQuietMs: number
  /** It is published after this long in any case. */
  readonly viewDelayMaxMs: number
}

/** So many others with the same digest make a view that is worth to be published early. */
const agreementsNeeded = 3

/**
 * Decides when a changed view is published: not at every change, but once it has settled. It has
 * when three others (or all, if there are fewer) showed the same digest since the last change.
 */
export class ViewPublisher {
  #changedMs: number | null = null
  #firstMs = 0
  readonly #agreed = new Set<string>()
  readonly #timer: Timer
  readonly #options: ViewOptions
  readonly #publish: (nowMs: number) => void
  readonly #others: () => number

  /** @param others how many others take part */
  constructor(options: {
    timers: Timers
    options: ViewOptions
    others: () => number
    publish: (nowMs: number) => void
  }) {
    this.#options = options.options
    this.#others = options.others
    this.#publish = options.publish
    this.#timer = options.timers.create((nowMs) => this.#late(nowMs))
  }

  /** Something that users see has changed. */
  changed(nowMs: number): void {
    if (this.#changedMs === null) this.#firstMs = nowMs
    this.#changedMs = nowMs
    this.#agreed.clear()
    if (!this.#timer.isSet) this.#timer.set(this.#dueMs())
  }

  /** Another node has the same digest at this moment. */
  agreedWith(nowMs: number, nodeId: string): void {
    if (this.#changedMs === null) return
    this.#agreed.add(nodeId)
    if (this.#agreed.size >= Math.min(agreementsNeeded, this.#others())) this.#settle(nowMs)
  }

  #dueMs(): number {
    const { viewQuietMs, viewDelayMaxMs } = this.#options
    return Math.min((this.#changedMs ?? 0) + viewQuietMs, this.#firstMs + viewDelayMaxMs)
  }

  /** The timer is not moved at each change, so it may be early. */
  #late(nowMs: number): void {
    if (this.#changedMs === null) return
    const dueMs = this.#dueMs()
    if (nowMs >= dueMs) this.#settle(nowMs)
    else this.#timer.set(dueMs)
  }

  #settle(nowMs: number): void {
    if (this.#changedMs === null) return
    this.#changedMs = null
    this.#agreed.clear()
    this.#timer.cancel()
    this.#publish(nowMs)
  }
}
