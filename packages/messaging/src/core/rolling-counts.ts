/** Counts of two kinds over the last `windowMs`, in slots; older ones are forgotten slot by slot. */
export class RollingCounts {
  readonly windowMs: number
  readonly #slotMs: number
  readonly #first: Float64Array
  readonly #second: Float64Array
  /** Number of the slot that is being filled, counted from time 0. */
  #slot = Number.NEGATIVE_INFINITY
  #sumFirst = 0
  #sumSecond = 0

  /** @param slots how finely the window moves; at least 2 */
  constructor(windowMs: number, slots: number) {
    this.windowMs = windowMs
    this.#slotMs = windowMs / slots
    this.#first = new Float64Array(slots)
    this.#second = new Float64Array(slots)
  }

  addFirst(nowMs: number): void {
    this.#advance(nowMs)
    this.#sumFirst += 1
    const at = this.#slot % this.#first.length
    this.#first[at] = (this.#first[at] as number) + 1
  }

  addSecond(nowMs: number): void {
    this.#advance(nowMs)
    this.#sumSecond += 1
    const at = this.#slot % this.#second.length
    this.#second[at] = (this.#second[at] as number) + 1
  }

  first(nowMs: number): number {
    this.#advance(nowMs)
    return this.#sumFirst
  }

  second(nowMs: number): number {
    this.#advance(nowMs)
    return this.#sumSecond
  }

  /** A clock that went back changes nothing. */
  #advance(nowMs: number): void {
    const slot = Math.max(0, Math.floor(nowMs / this.#slotMs))
    if (slot <= this.#slot) return
    const { length } = this.#first
    const stale = Math.min(length, slot - this.#slot)
    for (let step = 0; step < stale; step++) {
      // The first slots of all have none before them.
      const at = (slot - step + length) % length
      this.#sumFirst -= this.#first[at] as number
      this.#sumSecond -= this.#second[at] as number
      this.#first[at] = 0
      this.#second[at] = 0
    }
    this.#slot = slot
  }
}
