import type { MemberState } from '@nodosum/membership'

/** What one node believes of another; `unknown` when it never heard of it. */
export type Belief = MemberState | 'unknown'

/** What one node believes of another. */
export interface Standing {
  readonly state: Belief
  /** Which process of it; 0 when none is known. */
  readonly boot: number
  /** Epoch and counter as one number that rises with either. */
  readonly incarnation: number
}

const codes: readonly Belief[] = ['unknown', 'alive', 'suspect', 'failed', 'left', 'draining']

/** What is true of a host, and what others should therefore believe. */
interface Truth {
  /** Number of the boot that runs; 0 when none does. */
  boot: number
  cluster: number
}

/**
 * What every node believes of every other beside what is true, with a count of the differences that
 * costs a few operations for each change: a thousand nodes can be compared after every step.
 */
export class Beliefs {
  readonly #max: number
  readonly #states: Uint8Array
  readonly #boots: Int32Array
  readonly #incarnations: Float64Array
  readonly #wrong: Uint8Array
  readonly #truth: Truth[] = []
  readonly #hosts = new Map<string, number>()
  readonly #clusters = new Map<string, number>()
  /** How many beliefs of each observer are wrong. */
  readonly #wrongOf: Int32Array
  #wrongTotal = 0

  constructor(hostsMax: number) {
    this.#max = hostsMax
    this.#states = new Uint8Array(hostsMax * hostsMax)
    this.#boots = new Int32Array(hostsMax * hostsMax)
    this.#incarnations = new Float64Array(hostsMax * hostsMax)
    this.#wrong = new Uint8Array(hostsMax * hostsMax)
    this.#wrongOf = new Int32Array(hostsMax)
  }

  /** How many pairs of running nodes are wrong about the other; 0: all views are the truth. */
  get wrong(): number {
    return this.#wrongTotal
  }

  /** A process has started: it knows nobody, and the others should come to know it. */
  started(host: string, boot: number, cluster: string): void {
    let subject = this.#hosts.get(host)
    if (subject === undefined) {
      subject = this.#hosts.size
      this.#hosts.set(host, subject)
    }
    let number = this.#clusters.get(cluster)
    if (number === undefined) {
      number = this.#clusters.size
      this.#clusters.set(cluster, number)
    }
    const row = subject * this.#max
    this.#states.fill(0, row, row + this.#max)
    this.#boots.fill(0, row, row + this.#max)
    this.#incarnations.fill(0, row, row + this.#max)
    this.#truth[subject] = { boot, cluster: number }
    this.#judgeAll(subject)
  }

  ended(host: string): void {
    const subject = this.#index(host)
    const truth = this.#truth[subject]
    if (truth !== undefined) truth.boot = 0
    this.#judgeAll(subject)
  }

  /** A node has come to believe something; gives what it believed before. */
  believes(observer: string, subject: string, now: Standing): Standing {
    const [o, s] = [this.#index(observer), this.#index(subject)]
    const at = o * this.#max + s
    const before = this.#standing(at)
    this.#states[at] = codes.indexOf(now.state)
    this.#boots[at] = now.boot
    this.#incarnations[at] = now.incarnation
    this.#judge(o, s)
    return before
  }

  of(observer: string, subject: string): Standing {
    return this.#standing(this.#index(observer) * this.#max + this.#index(subject))
  }

  /** Up to `max` differences, in words. */
  differences(max: number): string[] {
    const found: string[] = []
    for (const [observer, o] of this.#hosts) {
      if ((this.#wrongOf[o] as number) === 0) continue
      for (const [subject, s] of this.#hosts) {
        if (this.#wrong[o * this.#max + s] !== 1) continue
        const { state, boot } = this.of(observer, subject)
        const truth = this.#truth[s]
        const real =
          truth === undefined || truth.boot === 0 ? 'does not run' : `runs boot ${truth.boot}`
        found.push(`${observer} believes ${subject} (boot ${boot}) to be ${state}; it ${real}`)
        if (found.length >= max) return found
      }
    }
    return found
  }

  #standing(at: number): Standing {
    return {
      state: codes[this.#states[at] as number] as Belief,
      boot: this.#boots[at] as number,
      incarnation: this.#incarnations[at] as number,
    }
  }

  #index(host: string): number {
    const index = this.#hosts.get(host)
    if (index === undefined) throw new Error(`nobody is called '${host}'`)
    return index
  }

  #judgeAll(subject: number): void {
    for (let other = 0; other < this.#hosts.size; other += 1) {
      this.#judge(other, subject)
      if (other !== subject) this.#judge(subject, other)
    }
  }

  #judge(observer: number, subject: number): void {
    const at = observer * this.#max + subject
    const isWrong = observer !== subject && this.#isWrong(observer, subject, at) ? 1 : 0
    const change = isWrong - (this.#wrong[at] as number)
    if (change === 0) return
    this.#wrong[at] = isWrong
    this.#wrongOf[observer] = (this.#wrongOf[observer] as number) + change
    this.#wrongTotal += change
  }

  #isWrong(observer: number, subject: number, at: number): boolean {
    const [o, s] = [this.#truth[observer], this.#truth[subject]]
    if (o === undefined || o.boot === 0 || s === undefined) return false
    const state = codes[this.#states[at] as number] as Belief
    if (o.cluster !== s.cluster) return state !== 'unknown'
    if (s.boot === 0) return state === 'alive' || state === 'suspect' || state === 'draining'
    return (state !== 'alive' && state !== 'draining') || this.#boots[at] !== s.boot
  }
}
