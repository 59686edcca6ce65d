/** Something that is due at one time; `set` moves it, so nothing stale ever fires. */
export class Timer {
  dueMs: number = Number.POSITIVE_INFINITY
  /** Its place in the heap, or -1; the heap's own. */
  index = -1
  readonly order: number
  readonly run: (nowMs: number) => void
  readonly #timers: Timers

  constructor(timers: Timers, order: number, run: (nowMs: number) => void) {
    this.#timers = timers
    this.order = order
    this.run = run
  }

  get isSet(): boolean {
    return this.index >= 0
  }

  set(dueMs: number): void {
    this.#timers.move(this, dueMs)
  }

  cancel(): void {
    this.#timers.remove(this)
  }
}

/** All that waits for time, behind one deadline: a binary heap by time, then by creation. */
export class Timers {
  #created = 0
  readonly #heap: Timer[] = []
  /** Those of one call of `run`; kept, for it is called all the time. */
  readonly #due: Timer[] = []

  create(run: (nowMs: number) => void): Timer {
    this.#created += 1
    return new Timer(this, this.#created, run)
  }

  /** Infinite when nothing is set. */
  nextMs(): number {
    return this.#heap[0]?.dueMs ?? Number.POSITIVE_INFINITY
  }

  /** Runs what is due, each at most once, in order; what they set anew waits for the next call. */
  run(nowMs: number): void {
    const due = this.#due
    for (
      let next = this.#heap[0];
      next !== undefined && next.dueMs <= nowMs;
      next = this.#heap[0]
    ) {
      this.remove(next)
      due.push(next)
    }
    for (let at = 0; at < due.length; at += 1) {
      const timer = due[at] as Timer
      // One of those before it may have set it again.
      if (!timer.isSet) timer.run(nowMs)
    }
    due.length = 0
  }

  move(timer: Timer, dueMs: number): void {
    if (timer.index < 0) {
      timer.index = this.#heap.length
      this.#heap.push(timer)
    }
    timer.dueMs = dueMs
    this.#up(timer)
    this.#down(timer)
  }

  remove(timer: Timer): void {
    const at = timer.index
    if (at < 0) return
    timer.index = -1
    const last = this.#heap.pop() as Timer
    if (last === timer) return
    this.#heap[at] = last
    last.index = at
    this.#up(last)
    this.#down(last)
  }

  #up(timer: Timer): void {
    const heap = this.#heap
    let at = timer.index
    while (at > 0) {
      const parent = heap[(at - 1) >> 1] as Timer
      if (!isBefore(timer, parent)) break
      heap[at] = parent
      parent.index = at
      at = (at - 1) >> 1
    }
    heap[at] = timer
    timer.index = at
  }

  #down(timer: Timer): void {
    const heap = this.#heap
    let at = timer.index
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, heap[child] as Timer)) child += 1
      const smaller = heap[child] as Timer
      if (!isBefore(smaller, timer)) break
      heap[at] = smaller
      smaller.index = at
      at = child
    }
    heap[at] = timer
    timer.index = at
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.dueMs === b.dueMs ? a.order < b.order : a.dueMs < b.dueMs
}
