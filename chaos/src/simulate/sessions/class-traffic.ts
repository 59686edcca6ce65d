import type { Random } from '@nodosum/kernel'
import type { SimulatedScheduler } from '@nodosum/testkit'
import type { SessionChecks } from './session-checks.ts'
import type { SessionNode } from './session-node.ts'

/**
 * How long an interactive message may take that has the path to itself but for bulk: the delay of the
 * path, what fills it, and what lies between. Without a bound it would wait for a whole window.
 */
const interactiveMsMax = 80
/** Of what arrives while interactive and bulk lanes send all they can, this is bulk at least. */
const bulkShareMin = 0.08
/** Scheduled lanes get a turn so much after their longest wait, since pieces take their time. */
const scheduledSlackMs = 400

/**
 * Lanes of all classes from one node to the other: at first bulk beside small interactive messages,
 * then everything at full rate. Judged by when messages come out.
 */
export class ClassTraffic {
  readonly #scheduler: SimulatedScheduler
  readonly #checks: SessionChecks
  readonly #from: SessionNode
  readonly #to: string
  readonly #random: Random
  readonly #trafficMs: number
  readonly #scheduledWaitMaxMs: number
  /** When each message of the probing lane was sent, by its number. */
  readonly #sentMs = new Map<number, number>()
  readonly #arrived = { one: 0, two: 0, three: 0 }
  #hasBulk = false
  #isFull = false
  #lastScheduledMs = 0

  constructor(options: {
    scheduler: SimulatedScheduler
    checks: SessionChecks
    from: SessionNode
    to: string
    random: Random
    trafficMs: number
    scheduledWaitMaxMs: number
  }) {
    this.#scheduler = options.scheduler
    this.#checks = options.checks
    this.#from = options.from
    this.#to = options.to
    this.#random = options.random
    this.#trafficMs = options.trafficMs
    this.#scheduledWaitMaxMs = options.scheduledWaitMaxMs
  }

  start(): void {
    const { name } = this.#from
    this.#checks.heard = (stream, number, bytes) => {
      if (!stream.startsWith(name)) return
      const lane = stream.slice(stream.lastIndexOf('/') + 1)
      if (lane === 'probe') this.#probeArrived(number)
      else if (lane in this.#arrived) this.#laneArrived(lane as 'one' | 'two' | 'three', bytes)
    }
    this.#tick()
  }

  #tick(): void {
    if (this.#from.isQuiet) return
    const nowMs = this.#scheduler.nowMs()
    const isFull = nowMs > this.#trafficMs / 2
    if (isFull && !this.#isFull) this.#lastScheduledMs = nowMs
    this.#isFull = isFull
    this.#from.fill(this.#to, isFull ? ['one', 'two', 'three'] : ['two', 'three'])
    // Until the first bulk has come, nothing is known of the path.
    if (!isFull && this.#hasBulk && this.#random.integer(0, 9) === 0) {
      const number = this.#from.probe(this.#to)
      if (number !== null) this.#sentMs.set(number, nowMs)
    }
    if (isFull) this.#checkScheduled()
    this.#scheduler.after(5, () => this.#tick())
  }

  #probeArrived(number: number): void {
    const sentMs = this.#sentMs.get(number)
    this.#sentMs.delete(number)
    if (sentMs === undefined) return
    const tookMs = this.#scheduler.nowMs() - sentMs
    this.#checks.probes += 1
    if (tookMs <= interactiveMsMax) return
    const detail = `message ${number} took ${Math.round(tookMs)} ms beside bulk`
    this.#checks.violated('bulk holds up nothing interactive', detail)
  }

  #laneArrived(lane: 'one' | 'two' | 'three', bytes: number): void {
    if (lane === 'three') this.#lastScheduledMs = this.#scheduler.nowMs()
    if (lane === 'two') this.#hasBulk = true
    if (this.#isFull) this.#arrived[lane] += bytes
  }

  #checkScheduled(): void {
    const waitedMs = this.#scheduler.nowMs() - this.#lastScheduledMs
    if (waitedMs <= this.#scheduledWaitMaxMs + scheduledSlackMs) return
    const detail = `nothing scheduled came for ${Math.round(waitedMs)} ms`
    this.#checks.violated('scheduled lanes wait for a bounded time', detail)
  }

  /** At the end of the traffic. */
  check(): void {
    const { one, two } = this.#arrived
    if (this.#checks.probes === 0) {
      this.#checks.violated('there is something to judge', 'no interactive message has come')
    }
    if (two < bulkShareMin * (one + two)) {
      const detail = `${two} bytes of bulk came beside ${one} of interactive lanes`
      this.#checks.violated('no class starves', detail)
    }
  }
}
