import type { Random } from '@nodosum/kernel'
import type { PacketBody } from '../wire/packet.ts'
import type { NeedStatement, Statement, StateStatement } from '../wire/statement.ts'
import { splitRun } from '../wire/statement-codec.ts'
import { bucketCountFor, bucketsMax } from './digest.ts'
import type { Entry } from './entry.ts'
import { isGone } from './member.ts'
import type { NodeState } from './node-state.ts'
import type { Recipient } from './outbox.ts'
import type { Source } from './source.ts'
import type { Timer } from './timers.ts'

/** Packets of one answer; what is beyond comes with the next round. */
const summaryPacketsMax = 4
const repairPacketsMax = 12
/** Room for statements in a summary, beside the list of its buckets. */
const summaryBytesMax = 780

/**
 * Makes views equal at a cost that follows from their difference. Pings and acks carry a hash of
 * the whole view. Where it differs for longer than gossip takes, a digest of buckets is sent; its
 * receiver sends what it has in the buckets that differ, and hears what is newer and what is
 * wanted. While much is missing, as after a start, a node does this several times a second with
 * somebody else each time.
 */
export class AntiEntropy {
  /** Somebody that others believe to be there is gone here: it is asked itself. */
  onDisputed: (entry: Entry) => void = () => undefined
  /** Another node has the same view. */
  onAgreed: (nowMs: number, nodeId: string) => void = () => undefined
  #isBehind = true
  #lastMs: number = Number.NEGATIVE_INFINITY
  #stableSinceMs = 0
  #revision = 0
  /** Bytes that may be served now; refilled with time. */
  #budget: number
  #budgetMs = 0
  readonly #state: NodeState
  readonly #random: Random
  readonly #timer: Timer

  constructor(state: NodeState, random: Random) {
    this.#state = state
    this.#random = random
    this.#budget = state.options.syncBytesPerSecond
    this.#timer = state.timers.create((nowMs) => this.#round(nowMs))
  }

  /** Whether much is missing, so that rounds follow each other. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  /** Much is new, or may be: rounds until another node has the same view. */
  hurry(nowMs: number): void {
    this.#isBehind = true
    if (!this.#timer.isSet) this.#timer.set(nowMs + this.#hurriedMs() * this.#random.float())
  }

  /** What the other one's packet said of its whole view. */
  compare(nowMs: number, source: Source, root: number): void {
    const { table, options, answers } = this.#state
    if (this.#revision !== table.revision) {
      this.#revision = table.revision
      this.#stableSinceMs = nowMs
    }
    if (root === table.digest.root) return this.#agreed(nowMs, source.nodeId)
    if (source.entry === undefined) return
    const isStable = nowMs - this.#stableSinceMs >= options.syncQuietMs
    // Where packets are lost views keep changing, and more of what is told is missed.
    const isLongAgo = nowMs - this.#lastMs >= options.syncPeriodMs / answers.tries
    const isRecent = nowMs - this.#lastMs < options.syncQuietMs
    if ((isStable && !isRecent) || isLongAgo) this.#sendDigest(nowMs, source.entry)
  }

  /** First step: another node's buckets. */
  digested(nowMs: number, source: Source, body: PacketBody & { kind: 'digest' }): void {
    const { table, outbox, counters } = this.#state
    if (body.root === table.digest.root) return this.#agreed(nowMs, source.nodeId)
    const count = body.buckets.length
    const own = table.digest.buckets(count)
    const [missing, differing]: [Entry[], number[]] = [[], []]
    for (let bucket = 0; bucket < count; bucket += 1) {
      if (own[bucket] === body.buckets[bucket]) continue
      // It has nothing there at all, so everything is news to it.
      if (body.buckets[bucket] === 0) missing.push(...present(table.digest.entries(count, bucket)))
      else differing.push(bucket)
    }
    counters.syncs += 1
    if (!this.#mayServe(nowMs)) {
      counters.syncsRefused += 1
      return
    }
    this.#summarize(source.address, count, differing)
    if (missing.length === 0) return
    const records = this.#random.shuffle(missing).map((entry) => entry.record)
    this.#spend(records.length * 60)
    outbox.sendAll(source.address, { kind: 'repair' }, records, repairPacketsMax)
  }

  /**
   * Second step: all that another node has in some buckets. What is newer there is learned and
   * asked for already; here is what it lacks.
   */
  summarized(
    source: Source,
    body: PacketBody & { kind: 'summary' },
    statements: readonly StateStatement[],
  ): void {
    const { table } = this.#state
    const theirs = new Map(statements.map((statement) => [statement.nodeId, statement]))
    for (const bucket of body.buckets) {
      for (const entry of table.digest.entries(body.bucketCount, bucket)) {
        const statement = theirs.get(entry.nodeId)
        if (statement !== undefined) this.#difference(entry, statement, source)
        else if (!isGone(entry.state)) source.answer(entry.record)
      }
    }
  }

  /** Asks some others what they know of a member. */
  ask({ nodeId }: Entry): void {
    const { table, outbox, options, answers } = this.#state
    const need = { kind: 'need', nodeId, metadataAfter: null } as const
    for (const peer of table.pick(this.#random, options.gossipFanout * answers.tries)) {
      outbox.sendAll(peer, { kind: 'repair' }, [need], 1)
    }
  }

  /** What another node asked for. */
  needed(statement: NeedStatement, source: Source): void {
    const { table, self } = this.#state
    const { nodeId, metadataAfter } = statement
    const entry = nodeId === self.nodeId ? self : table.get(nodeId)
    if (entry === undefined) return
    if (metadataAfter === null) return source.answer(entry.record)
    this.#answerMetadata(entry, metadataAfter, source)
  }

  #round(nowMs: number): void {
    if (!this.#isBehind) return
    this.#timer.set(nowMs + this.#state.jittered(this.#hurriedMs()))
    const [peer] = this.#state.table.pick(this.#random, 1)
    if (peer !== undefined) this.#sendDigest(nowMs, peer)
  }

  #hurriedMs(): number {
    return this.#state.options.gossipPeriodMs
  }

  #agreed(nowMs: number, nodeId: string): void {
    this.#isBehind = false
    this.onAgreed(nowMs, nodeId)
  }

  #sendDigest(nowMs: number, to: Recipient): void {
    const { table, outbox } = this.#state
    this.#lastMs = nowMs
    const { root } = table.digest
    const buckets = table.digest.buckets(bucketCountFor(table.size))
    outbox.send(to, { kind: 'digest', root, buckets })
  }

  #summarize(to: Recipient, count: number, differing: readonly number[]): void {
    const { outbox, table } = this.#state
    const buckets = this.#random.shuffle([...differing])
    for (let packet = 0; packet < summaryPacketsMax && buckets.length > 0; packet += 1) {
      const [chosen, statements]: [number[], Statement[]] = [[], []]
      let room = summaryBytesMax
      while (buckets.length > 0 && chosen.length < bucketsMax) {
        const entries = present(table.digest.entries(count, buckets.at(-1) as number))
        const bytes = entries.reduce((sum, { nodeId }) => sum + summaryBytes(nodeId), 1)
        if (bytes > room && chosen.length > 0) break
        room -= bytes
        chosen.push(buckets.pop() as number)
        for (const entry of entries) statements.push(entry.stateStatement)
      }
      chosen.sort((a, b) => a - b)
      this.#spend(summaryBytesMax - room)
      const body = { kind: 'summary', bucketCount: count, buckets: chosen } as const
      outbox.sendAll(to, body, statements, 1)
    }
  }

  /** What the other one should hear of a member. */
  #difference(entry: Entry, theirs: StateStatement, source: Source): void {
    const { rules } = this.#state
    if (entry.bootTag !== theirs.bootTag) {
      if (entry.epoch >= theirs.epoch) source.answer(entry.record)
      return
    }
    const isSame = entry.epoch === theirs.epoch && entry.counter === theirs.counter
    // A suspicion is not told here: it is no difference of views yet.
    const isOnlySuspect = isSame && entry.state === 'suspect'
    if (rules.supersedes(entry, theirs) && !isOnlySuspect) {
      source.answer(entry.stateStatement)
      if (entry.state === 'failed') this.onDisputed(entry)
    }
    if (entry.metadata.version > theirs.metadataVersion) {
      this.#answerMetadata(entry, theirs.metadataVersion, source)
    }
  }

  #answerMetadata({ nodeId, bootTag, metadata }: Entry, after: number, source: Source): void {
    for (const run of splitRun(metadata.after(Math.min(after, metadata.version)))) {
      source.answer({ kind: 'metadata', nodeId, bootTag, ...run })
    }
  }

  #mayServe(nowMs: number): boolean {
    const { syncBytesPerSecond } = this.#state.options
    const refill = ((nowMs - this.#budgetMs) / 1_000) * syncBytesPerSecond
    this.#budget = Math.min(syncBytesPerSecond, this.#budget + refill)
    this.#budgetMs = nowMs
    return this.#budget > 0
  }

  #spend(bytes: number): void {
    this.#budget -= bytes
  }
}

/** An upper bound of a state in a summary. */
function summaryBytes(nodeId: string): number {
  return nodeId.length + 26
}

function present(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ state }) => !isGone(state))
}
