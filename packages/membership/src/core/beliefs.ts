import { BoundedMap, type NodeId } from '@nodosum/kernel'
import type { MetadataStatement, RecordStatement, StateStatement } from '../wire/statement.ts'
import { encodeStatement } from '../wire/statement-codec.ts'
import { Entry } from './entry.ts'
import { bootTagOf } from './hash.ts'
import { type Appearance, changeKind, type Incarnation, isGone } from './member.ts'
import { Metadata } from './metadata.ts'
import type { NodeState } from './node-state.ts'
import { Quarantine } from './quarantine.ts'
import type { Standing } from './rules.ts'
import type { Source } from './source.ts'
import type { Suspicions } from './suspicions.ts'
import type { Timer } from './timers.ts'
import type { ViewPublisher } from './view.ts'

/** Goodbyes of nodes that are not known: their records may still be on the way. */
const farewellsMax = 256

/** How statements about others become beliefs, and what users see of it. */
export class Beliefs {
  /** Somebody takes part who did not. */
  onArrived: (nowMs: number, entry: Entry) => void = () => undefined
  /** A suspicion was heard of; it may be this node's turn to have a look. */
  onSuspected: (nowMs: number, entry: Entry) => void = () => undefined
  /** Others believe it to be gone for certain: this node has a look at once. */
  onContested: (nowMs: number, entry: Entry) => void = () => undefined
  /** A newcomer must not take part. */
  onRefused: (source: Source, code: 'version' | 'admission' | 'full', reason: string) => void =
    () => undefined
  /** More is new than gossip can carry. */
  onFlood: (nowMs: number) => void = () => undefined
  readonly #state: NodeState
  readonly #suspicions: Suspicions
  readonly #view: ViewPublisher
  readonly #quarantine: Quarantine
  readonly #releaseTimer: Timer
  readonly #farewells = new BoundedMap<NodeId, StateStatement>(farewellsMax)

  constructor(state: NodeState, suspicions: Suspicions, view: ViewPublisher) {
    this.#state = state
    this.#suspicions = suspicions
    this.#view = view
    this.#quarantine = new Quarantine(state.options)
    this.#releaseTimer = state.timers.create((nowMs) => this.#release(nowMs))
    suspicions.onExpired = (nowMs, entry) => this.#expired(nowMs, entry)
  }

  /** A whole record. */
  learnRecord(nowMs: number, record: RecordStatement, source: Source): void {
    const known = this.#state.table.get(record.nodeId)
    if (known === undefined) return this.#meet(nowMs, record, source)
    // Gossip brings most records more than once.
    if (isRepetition(record, known)) return
    const bootTag = bootTagOf(record.bootId)
    const standing = { ...record, bootTag }
    if (!this.#isNews(standing, known)) {
      if (bootTag !== known.bootTag) return
      this.#describe(nowMs, known, record.metadata, source)
      // Who is gone is in no summary, so whoever missed the death sends its record instead.
      const isOutdated = source.isRepair && isGone(known.state) && !isGone(record.state)
      if (isOutdated && this.#state.rules.supersedes(known, standing)) {
        source.answer(known.stateStatement)
      }
      return
    }
    if (bootTag !== known.bootTag) {
      if (!this.#isAdmitted(record, source)) return
      return this.#replace(nowMs, known, record, source)
    }
    if (source.isRepair && record.state === 'failed') return this.#contest(nowMs, known, source)
    this.#adopt(nowMs, known, standing, [], source, record)
  }

  /** A statement about somebody whose record should be known. */
  learnState(nowMs: number, statement: StateStatement, source: Source): void {
    const entry = this.#state.table.get(statement.nodeId)
    if (entry === undefined || entry.bootTag !== statement.bootTag) {
      return this.#learnUnknown(statement, entry, source)
    }
    const { state, accusers } = statement
    if (state === 'suspect' && entry.state === 'suspect' && sameIncarnation(statement, entry)) {
      if (this.#suspicions.confirm(entry, accusers)) this.#amend(entry)
    } else if (this.#isNews(statement, entry)) {
      if (source.isRepair && state === 'failed') this.#contest(nowMs, entry, source)
      else this.#adopt(nowMs, entry, statement, accusers, source)
      if (statement.isDeaf) this.foundDeaf(entry)
    } else if (statement.isDeaf && sameIncarnation(statement, entry)) {
      this.foundDeaf(entry)
    } else if (state === 'suspect' && this.#state.rules.supersedes(entry, statement)) {
      // Who still accuses has missed the denial, and would let the suspicion run out.
      source.answer(entry.stateStatement)
    }
    if (statement.metadataVersion > entry.metadata.version && source.isRepair) {
      source.ask(entry.nodeId, entry.metadata.version)
    }
  }

  /** Changed tags or applications. */
  learnMetadata(nowMs: number, statement: MetadataStatement, source: Source): void {
    const entry = this.#state.table.get(statement.nodeId)
    if (entry?.bootTag !== statement.bootTag) return
    if (!this.#describe(nowMs, entry, statement, source) || source.isRepair) return
    const bytes = encodeStatement(statement)
    this.#state.news.tell(entry.nodeId, 'metadata', 'metadata', bytes)
  }

  /** This node itself found a member silent. */
  accuse(nowMs: number, entry: Entry): boolean {
    const { self } = this.#state
    if (isGone(entry.state)) return false
    if (entry.state === 'suspect') {
      // Silent here too, and others have waited already.
      if (entry.suspicion?.isContested) this.#suspicions.settle(entry)
      if (!this.#suspicions.confirm(entry, [self.hash])) return false
      this.#amend(entry)
      return true
    }
    this.#set(nowMs, entry, { ...standingOf(entry), state: 'suspect' }, [self.hash])
    this.#state.tellState(entry, 'suspect')
    return true
  }

  /** A failed one speaks and does not hear: all shall know, for when it returns. */
  foundDeaf(entry: Entry): void {
    if (entry.isDeaf || entry.state !== 'failed') return
    entry.isDeaf = true
    this.#state.tellState(entry, 'gone')
  }

  /** Shows members whose quarantine is over. */
  #release(nowMs: number): void {
    for (const entry of this.#quarantine.release(nowMs)) {
      const before = { bootId: entry.bootId, state: entry.shownState }
      entry.heldUntilMs = 0
      entry.changed()
      this.#show(nowMs, entry, before, false)
    }
    this.#armRelease()
  }

  #armRelease(): void {
    const endMs = this.#quarantine.nextEndMs()
    if (Number.isFinite(endMs)) this.#releaseTimer.set(endMs)
  }

  #isNews(standing: Standing, entry: Entry): boolean {
    if (!this.#state.rules.supersedes(standing, entry)) return false
    if (this.#state.rules.isPlausible(standing, entry)) return true
    this.#state.counters.implausible += 1
    return false
  }

  #meet(nowMs: number, record: RecordStatement, source: Source): void {
    // Nobody needs to hear of somebody it never knew and who is gone; anti-entropy would not end.
    if (isGone(record.state) || !this.#isAdmitted(record, source)) return
    const entry = new Entry(record)
    const farewell = this.#farewells.get(record.nodeId)
    if (farewell?.bootTag === entry.bootTag && this.#state.rules.supersedes(farewell, entry)) return
    if (record.state === 'suspect') entry.state = 'alive'
    if (!this.#state.table.add(entry, nowMs)) {
      this.#state.counters.noRoom += 1
      return this.onRefused(source, 'full', `there is no room for more members`)
    }
    if (source.isRepair) this.#state.counters.repaired += 1
    else if (!this.#state.tellRecord(entry, 'alive')) this.onFlood(nowMs)
    if (source.isSubject(entry.nodeId, entry.bootTag)) source.entry = entry
    this.onArrived(nowMs, entry)
    this.#show(nowMs, entry, undefined, false)
  }

  /** The same node, started anew. */
  #replace(nowMs: number, entry: Entry, record: RecordStatement, source: Source): void {
    const before = { bootId: entry.bootId, state: entry.shownState }
    const wasGone = isGone(entry.state)
    this.#suspicions.end(entry)
    this.#quarantine.forget(entry)
    entry.isDeaf = false
    entry.toldFirstMs = null
    this.#state.table.change(entry, nowMs, () => {
      entry.bootId = record.bootId
      entry.bootTag = bootTagOf(record.bootId)
      entry.epoch = record.epoch
      entry.counter = record.counter
      entry.state = record.state === 'suspect' ? 'alive' : record.state
      entry.metadata = Metadata.empty.merged(record.metadata)
      this.#describeAddress(entry, record)
    })
    if (!source.isRepair && !this.#state.tellRecord(entry, 'alive')) this.onFlood(nowMs)
    if (source.isSubject(entry.nodeId, entry.bootTag)) source.entry = entry
    if (wasGone && !isGone(entry.state)) this.onArrived(nowMs, entry)
    this.#show(nowMs, entry, before, true)
  }

  #adopt(
    nowMs: number,
    entry: Entry,
    standing: Standing,
    accusers: readonly number[],
    source: Source,
    record?: RecordStatement,
  ): void {
    const says =
      accusers.length === 0 && source.entry !== undefined ? [source.entry.hash] : accusers
    this.#set(nowMs, entry, standing, says, record)
    if (source.isRepair) return
    if (standing.state === 'suspect') this.#state.tellState(entry, 'suspect')
    else this.#state.tellState(entry, isGone(standing.state) ? 'gone' : 'alive')
  }

  /** Another one believes a member to be gone that this node believes to be there. */
  #contest(nowMs: number, entry: Entry, source: Source): void {
    if (entry.state === 'suspect') return this.#suspicions.settle(entry)
    // A partition may just have healed: the member itself shall say so, nobody else need hear.
    const accuser = source.entry?.hash ?? 0
    this.#set(nowMs, entry, { ...standingOf(entry), state: 'suspect' }, [accuser])
    if (entry.suspicion !== null) entry.suspicion.isContested = true
    this.onContested(nowMs, entry)
  }

  #set(
    nowMs: number,
    entry: Entry,
    standing: Standing,
    accusers: readonly number[],
    record?: RecordStatement,
  ): void {
    const { state, counter } = entry
    const isSameEpoch = entry.epoch === standing.epoch
    const before = { bootId: entry.bootId, state: entry.shownState }
    const wasGone = isGone(state)
    let isMoved = false
    this.#state.table.change(entry, nowMs, () => {
      entry.epoch = standing.epoch
      entry.counter = standing.counter
      entry.state = standing.state
      if (record === undefined) return
      isMoved = this.#describeAddress(entry, record)
      const merged = entry.metadata.merged(record.metadata)
      isMoved ||= merged !== entry.metadata
      entry.metadata = merged
    })
    if (standing.state === 'suspect') this.#suspicions.start(nowMs, entry, accusers)
    else this.#suspicions.end(entry)
    const judge = { score: this.#state.health.score, members: this.#state.table.size }
    if (standing.state === 'failed') {
      this.#state.counters.failures += 1
      if (!wasGone) this.#quarantine.failed(entry, nowMs)
    }
    if (wasGone && !isGone(standing.state)) {
      if (state === 'failed') {
        this.#quarantine.returned(entry, nowMs, judge, this.#suspicions.size)
      }
      this.onArrived(nowMs, entry)
    }
    if (!isGone(standing.state)) {
      entry.isDeaf = false
      entry.toldFirstMs = null
    }
    const denials = isSameEpoch && !wasGone ? standing.counter - counter : 0
    const isSuspected = standing.state === 'suspect' && state !== 'suspect'
    // The denial of a suspicion that was heard of is not counted once more.
    const missed = state === 'suspect' ? denials - 1 : denials
    this.#quarantine.suspected(entry, nowMs, judge, Math.max(0, missed) + (isSuspected ? 1 : 0))
    if (entry.heldUntilMs > 0) {
      entry.changed()
      this.#armRelease()
    }
    this.#show(nowMs, entry, before, isMoved)
    if (standing.state === 'suspect') this.onSuspected(nowMs, entry)
  }

  #expired(nowMs: number, entry: Entry): void {
    const { rules, options } = this.#state
    const { suspicion } = entry
    if (suspicion === null || entry.state !== 'suspect') return
    const activeAgoMs = nowMs - entry.linkActiveMs
    if (rules.linkVetoes(activeAgoMs, options.probePeriodMs, suspicion.accusers.length)) {
      this.#state.counters.vetoes += 1
      return suspicion.armAt(nowMs + options.probePeriodMs)
    }
    this.#set(nowMs, entry, { ...standingOf(entry), state: 'failed' }, [])
    this.#state.tellState(entry, 'gone')
  }

  #learnUnknown(statement: StateStatement, known: Entry | undefined, source: Source): void {
    if (known !== undefined && known.epoch > statement.epoch) return
    if (!isGone(statement.state)) return source.ask(statement.nodeId, null)
    if (statement.state !== 'left' || known !== undefined) return
    if (this.#farewells.isFull) this.#farewells.delete(this.#farewells.oldestKey() as NodeId)
    this.#farewells.set(statement.nodeId, statement)
  }

  #describe(
    nowMs: number,
    entry: Entry,
    run: RecordStatement['metadata'],
    source: Source,
  ): boolean {
    const { rules, table } = this.#state
    if (run.from > entry.metadata.version) {
      if (source.isRepair) source.ask(entry.nodeId, entry.metadata.version)
      return false
    }
    if (!rules.isMetadataNews(run, entry.metadata.version)) return false
    const before = { bootId: entry.bootId, state: entry.shownState }
    table.change(entry, nowMs, () => {
      entry.metadata = entry.metadata.merged(run)
    })
    this.#show(nowMs, entry, before, true)
    return true
  }

  #describeAddress(entry: Entry, record: RecordStatement): boolean {
    const isMoved = JSON.stringify(entry.addresses) !== JSON.stringify(record.addresses)
    entry.addresses = record.addresses
    entry.protocol = record.protocol
    entry.extension = record.extension
    return isMoved
  }

  #isAdmitted(record: RecordStatement, source: Source): boolean {
    const refusal = this.#refusalOf(record, source)
    this.#state.judged(record.nodeId, record.bootId, refusal)
    if (refusal === null) return true
    this.#state.counters.notAdmitted += 1
    if (source.nodeId === record.nodeId) this.onRefused(source, refusal.code, refusal.reason)
    return false
  }

  #refusalOf(
    record: RecordStatement,
    source: Source,
  ): { code: 'version' | 'admission'; reason: string } | null {
    const { rules, protocol, admit } = this.#state
    const { min, max } = record.protocol
    if (rules.speaks(protocol, record.protocol) === null) {
      return { code: 'version', reason: `it speaks versions ${min} to ${max}` }
    }
    const isAboutSender = source.isSubject(record.nodeId, bootTagOf(record.bootId))
    if (!rules.asksAdmission(isAboutSender)) return null
    const reason = admit(new Entry(record).member)
    return reason === null ? null : { code: 'admission', reason }
  }

  /** More accusers: passed on where the suspicion still is, and not told any longer for that. */
  #amend(entry: Entry): void {
    this.#state.news.amend(entry.nodeId, 'standing', encodeStatement(entry.stateStatement))
  }

  #show(nowMs: number, entry: Entry, before: Appearance | undefined, updated: boolean): void {
    const after = { bootId: entry.bootId, state: entry.shownState }
    const kind = changeKind(before, after, updated)
    if (kind === null) return
    this.#state.push({ kind: 'change', change: { kind, member: entry.member } })
    this.#view.changed(nowMs)
  }
}

function standingOf({ bootTag, epoch, counter, state }: Entry): Standing {
  return { bootTag, epoch, counter, state }
}

function isRepetition(record: RecordStatement, entry: Entry): boolean {
  return (
    sameIncarnation(record, entry) &&
    record.state === entry.state &&
    record.bootId === entry.bootId &&
    record.metadata.to <= entry.metadata.version
  )
}

function sameIncarnation(a: Incarnation, b: Incarnation): boolean {
  return a.epoch === b.epoch && a.counter === b.counter
}
