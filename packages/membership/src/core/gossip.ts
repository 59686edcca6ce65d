import type { NodeState } from './node-state.ts'
import type { Timer } from './timers.ts'

/** A leaving node tells so many; they tell the rest. */
const farewellMembers = 32
/** News that has just come waits this long for more to come, then leaves at once. */
const coalesceMs = 20

/** Passes news on, and knocks at the doors of those who failed. */
export class Gossip {
  #lastMs = Number.NEGATIVE_INFINITY
  readonly #state: NodeState
  readonly #round: Timer
  readonly #revisit: Timer

  constructor(state: NodeState) {
    this.#state = state
    this.#round = state.timers.create((nowMs) => this.#tell(nowMs))
    this.#revisit = state.timers.create((nowMs) => this.#knock(nowMs))
  }

  start(nowMs: number): void {
    this.#revisit.set(nowMs + this.#state.jittered(this.#state.options.reconnectPeriodMs))
  }

  /** To be called when there may be news: the first round follows at once. */
  arm(nowMs: number): void {
    const { news, options, random } = this.#state
    if (news.size === 0 || this.#round.isSet) return
    const soonMs = nowMs + coalesceMs * random.jitter.float()
    this.#round.set(Math.max(soonMs, this.#lastMs + options.gossipPeriodMs))
  }

  /** The last words of this node. */
  farewell(): void {
    const { table, random, outbox, self } = this.#state
    const statement = self.stateStatement
    for (const entry of table.pick(random.targets, farewellMembers)) {
      outbox.send(entry, { kind: 'gossip' }, [statement])
    }
    this.#round.cancel()
    this.#revisit.cancel()
  }

  #tell(nowMs: number): void {
    const { news, options, random, outbox, table } = this.#state
    this.#lastMs = nowMs
    for (const entry of table.pick(random.targets, options.gossipFanout)) {
      if (news.size > 0) outbox.send(entry, { kind: 'gossip' })
    }
    if (news.size > 0) this.#round.set(nowMs + options.gossipPeriodMs)
  }

  /** One who failed may live behind a partition that has healed: it hears what is said of it. */
  #knock(nowMs: number): void {
    const { table, random, outbox, protocol, self, options, rules } = this.#state
    this.#revisit.set(nowMs + this.#state.jittered(options.reconnectPeriodMs))
    table.forget(nowMs, options.rememberFailedMs)
    const entry = random.targets.pick(table.failed)
    if (entry === undefined) return
    if (!rules.revisitsFailed(nowMs - entry.sinceMs, options.rememberFailedMs)) return
    const accusation = entry.stateStatement
    outbox.send(entry, { kind: 'join', protocol }, [accusation, self.record])
  }
}
