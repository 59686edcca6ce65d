import type { TraceHash } from '@nodosum/testkit'
import { neverRan, neverTaken } from '../../delivery/outcome-codes.ts'
import { judgeAnswer } from './judge-answer.ts'
import {
  type Asked,
  byRule,
  type Call,
  copyOf,
  describe,
  type StackProcess,
  type Start,
  startsOf,
} from './stack-records.ts'

/** A promise of the stack that did not hold. */
export interface StackViolation {
  readonly invariant: string
  readonly atMs: number
  readonly detail: string
}

/** What holds for a run. */
export interface StackTerms {
  readonly nowMs: () => number
  readonly trace: TraceHash
  /** Nothing is done to nodes and network. */
  readonly isCalm: boolean
  /** Queues are large enough for everything. */
  readonly isAmple: boolean
  /** Retention is so short that a partition or a pause can end a session. */
  readonly sessionsMayEnd: boolean
  readonly handlersMax: number
  /** Message lanes of one application that can reach a node at once. */
  readonly lanesMax: number
  readonly waitingSendsMax: number
}

/** What a handler is told besides its job. */
export interface Meeting {
  readonly kind: 'message' | 'request'
  readonly from: string
  readonly application: string
  readonly lane: string
  readonly messageId: string
  readonly key: string | null
}

/** How a handler goes on. */
export interface Handling {
  /** Its signal aborts. */
  aborted(): void
  ended(how: 'done' | 'threw'): void
}

const violationsMax = 20
/** So soon a handler knows that nobody waits for it, when nothing is wrong with the network. */
const hearsWithinMs = 100

/**
 * What callers asked for and were told, and which handlers were started: written down where the
 * users' code meets the product, and judged as it is written.
 */
export class StackBook {
  readonly violations: StackViolation[] = []
  readonly terms: StackTerms
  readonly processes: StackProcess[] = []
  readonly #calls = new Map<string, Call>()
  /** Message ids of handlers, each of which is one start. */
  readonly #messageIds = new Set<string>()
  /** By sender, lane and receiver: the number of the message that was started last. */
  readonly #order = new Map<string, number>()
  /** Sends that nobody confirms and that wait for room, by lane and node. */
  readonly #waiting = new Map<string, number>()
  /** Calls without an answer. */
  pending = 0
  /** Nodes of which a process was killed or has closed. */
  readonly touched = new Set<string>()

  #isClosed = false

  constructor(terms: StackTerms) {
    this.terms = terms
  }

  /** What happens from now on is the end of the run, and not judged. */
  close(): void {
    this.#isClosed = true
  }

  violated(invariant: string, detail: string): void {
    if (this.#isClosed || this.violations.length >= violationsMax) return
    this.violations.push({ invariant, atMs: Math.round(this.terms.nowMs()), detail })
  }

  /** A process begins. */
  begin(node: string): StackProcess {
    const boot = this.processes.filter((one) => one.node === node).length + 1
    const process: StackProcess = {
      name: `${node}#${boot}`,
      node,
      boot,
      calls: [],
      pending: new Map(),
      undelivered: new Map(),
      running: new Map(),
      state: 'running',
      isPaused: false,
      resumedMs: 0,
    }
    this.processes.push(process)
    return process
  }

  /** To be written before the product is asked, so that nothing arrives that nobody wrote. */
  asked(process: StackProcess, asked: Asked): Call {
    const number = process.calls.length
    const askedMs = this.terms.nowMs()
    const call: Call = {
      ...asked,
      process,
      number,
      askedMs,
      answer: null,
      cancelledMs: null,
      copies: new Map(),
    }
    process.calls.push(call)
    this.#calls.set(asked.job.id, call)
    process.pending.set(asked.application, (process.pending.get(asked.application) ?? 0) + 1)
    this.pending += 1
    this.#wait(call, 1)
    return call
  }

  /** The caller gives up. */
  cancelled(call: Call): void {
    if (call.answer === null) call.cancelledMs = this.terms.nowMs()
  }

  /**
   * What the caller is told.
   *
   * @param failed of several nodes, those that failed
   */
  told(call: Call, answer: string, failed: readonly string[] = []): void {
    const { process, application } = call
    if (call.answer !== null) this.violated('every call has one answer', describe(call, answer))
    call.answer = answer
    process.pending.set(application, (process.pending.get(application) ?? 0) - 1)
    this.pending -= 1
    this.#wait(call, -1)
    this.#note(call, answer)
    if (call.way !== 'broadcast' && call.way !== 'request' && call.way !== 'stream') {
      for (const node of call.to ?? [byRule]) {
        const hasFailed = failed.length === 0 || failed.includes(node)
        // Of several that failed only the first code is known.
        const taken = hasFailed ? takenBy(call, answer) : 'yes'
        copyOf(call, node).taken = failed.length > 1 && hasFailed ? 'maybe' : taken
      }
    }
    judgeAnswer(this, call)
  }

  /** How one copy of a broadcast went. */
  copyTold(call: Call, node: string, status: string, code: string | null): void {
    const copy = copyOf(call, node)
    const isTaken = status !== 'refused' && code !== 'ERR_NODOSUM_CANCELLED'
    copy.taken = isTaken ? 'yes' : status === 'refused' ? 'no' : 'maybe'
    this.#note(call, `${node} ${status}`)
    if (status === 'delivered' && copy.starts.length === 0) {
      this.violated('what is told as delivered has started', describe(call, `${node} ${status}`))
    }
    if (code !== null && neverRan.has(code) && copy.starts.length > 0) {
      this.violated('what is told as refused never ran', describe(call, `${node} ${code}`))
    }
  }

  /** A handler starts; returns what is to be told of it. */
  started(process: StackProcess, id: string, meeting: Meeting): Handling {
    const { terms } = this
    const start: Start = {
      messageId: meeting.messageId,
      at: process,
      startedMs: terms.nowMs(),
      ended: null,
      isAborted: false,
    }
    const unseen: Handling = { aborted: () => undefined, ended: () => undefined }
    // What a dead process still does nobody sees.
    if (process.state === 'killed') return unseen
    const call = this.#calls.get(id)
    if (call === undefined) {
      this.violated('nothing is invented', `${process.name} was given ${id}, which nobody sent`)
      return unseen
    }
    this.#note(call, `started at ${process.name}`)
    this.#judgeStart(call, process, meeting)
    copyOf(call, process.node).starts.push(start)
    const key = `${meeting.application} ${meeting.kind}`
    const running = (process.running.get(key) ?? 0) + 1
    process.running.set(key, running)
    const spare = meeting.kind === 'message' ? terms.lanesMax : 0
    if (running > terms.handlersMax + spare) {
      const detail = `${running} handlers of ${key} run at ${process.name}, of ${terms.handlersMax}`
      this.violated('handlers are limited', detail)
    }
    return {
      aborted: () => {
        start.isAborted = true
      },
      ended: (how) => {
        start.ended = how
        process.running.set(key, (process.running.get(key) ?? 0) - 1)
        this.#note(call, `${how} at ${process.name}`)
        const gaveUpMs = terms.nowMs() - (call.cancelledMs ?? Number.POSITIVE_INFINITY)
        const mustHear = meeting.kind === 'request' && terms.isCalm
        if (mustHear && gaveUpMs > hearsWithinMs && !start.isAborted) {
          const words = describe(call, `${how} at ${process.name} ${gaveUpMs} ms later`)
          this.violated('a handler hears that its caller gave up', words)
        }
      },
    }
  }

  undelivered(
    process: StackProcess,
    told: { messageId: string; application: string; to: string; code: string },
  ): void {
    if (process.state === 'killed') return
    const { messageId, application, to, code } = told
    const words = `${process.name} to ${to}: ${messageId} ${code}`
    if (process.undelivered.has(messageId)) this.violated('every message has one outcome', words)
    process.undelivered.set(messageId, { application, to, code })
    this.terms.trace.text(words)
    if (neverRan.has(code) && this.hasStarted(messageId)) {
      this.violated('what is told as refused never ran', words)
    }
    if (code === 'ERR_NODOSUM_DELIVERY_UNKNOWN' && !this.mayBeUnknown(process, [to])) {
      this.violated('only what a death or a lost session touches is unknown', words)
    }
  }

  hasStarted(messageId: string): boolean {
    return this.#messageIds.has(messageId)
  }

  /** Whether a session of these can have ended. */
  mayBeUnknown(process: StackProcess, nodes: readonly string[] | null): boolean {
    if (this.terms.sessionsMayEnd || this.touched.has(process.node)) return true
    return nodes === null ? this.touched.size > 0 : nodes.some((node) => this.touched.has(node))
  }

  #judgeStart(call: Call, process: StackProcess, meeting: Meeting): void {
    const { application, lane, from, messageId, key } = meeting
    const words = describe(call, `started at ${process.name}`)
    const isForIt = call.to === null || call.to.includes(process.node)
    const isSame =
      application === call.application && (call.way === 'request' || lane === call.lane)
    if (!isForIt || !isSame || from !== call.process.node) {
      this.violated('everything arrives where it was sent', `${words} as ${application}/${lane}`)
    }
    if (key !== call.key) this.violated('a key travels along', `${words} with the key ${key}`)
    if (process.state === 'drained' || process.state === 'closed') {
      this.violated('a drained node starts nothing', words)
    }
    if (this.#messageIds.has(messageId)) {
      this.violated('a handler starts once for a message', `${words} twice as ${messageId}`)
    }
    this.#messageIds.add(messageId)
    const before = startsOf(call)
    const here = before.filter(({ at }) => at.node === process.node)
    const mayRepeat = call.way === 'request' && call.isIdempotent
    const repeated = call.way === 'request' ? before : here
    if (!mayRepeat && repeated.length > 0) {
      this.violated(
        'a handler starts once for a message',
        `${words}, and before ${before.length} times`,
      )
    }
    const isRefused = call.answer !== null && neverRan.has(call.answer)
    const isOne = call.to?.length === 1 || call.way === 'request'
    if (isRefused && isOne && !mayRepeat) this.violated('what is told as refused never ran', words)
    if (call.way !== 'request' && call.way !== 'stream') this.#judgeOrder(call, process, words)
  }

  #judgeOrder(call: Call, process: StackProcess, words: string): void {
    const lane = `${call.process.name} ${call.application} ${call.lane} ${process.name}`
    const last = this.#order.get(lane) ?? -1
    if (call.number <= last) {
      this.violated('handlers start in the order of the lane', `${words}, after number ${last}`)
    }
    this.#order.set(lane, Math.max(last, call.number))
  }

  /** As many wait for room as may. */
  #wait(call: Call, change: 1 | -1): void {
    if (call.way !== 'fire' || call.to?.length !== 1) return
    const lane = `${call.process.name} ${call.application} ${call.lane} ${call.to[0]}`
    const waiting = (this.#waiting.get(lane) ?? 0) + change
    this.#waiting.set(lane, waiting)
    // The one that is being asked may find no place.
    if (waiting > this.terms.waitingSendsMax + 1 + burstOfOneTurn) {
      this.violated('queues are bounded', `${waiting} sends wait on ${lane}`)
    }
  }

  #note(call: Call, what: string): void {
    this.terms.trace.number(this.terms.nowMs())
    this.terms.trace.text(`${call.job.id} ${what}`)
  }
}

/** Calls that one turn asks for: a refusal is heard at its end only. */
const burstOfOneTurn = 16

/** Whether the product took a message of which its caller was told this. */
function takenBy({ way }: Call, answer: string): 'yes' | 'no' | 'maybe' {
  if (neverTaken.has(answer)) return 'no'
  if (answer !== 'ERR_NODOSUM_CANCELLED') return 'yes'
  return way === 'fire' ? 'no' : 'maybe'
}
