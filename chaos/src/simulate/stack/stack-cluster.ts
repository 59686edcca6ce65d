import type { Random } from '@nodosum/kernel'
import type { Node } from 'nodosum'
import { createTestCluster, type NetworkQuality, type TestCluster } from 'nodosum/testing'
import type { StackBook } from './stack-book.ts'
import {
  checkAnswered,
  checkConservation,
  checkCounters,
  checkIdle,
  checkOwners,
} from './stack-checks.ts'
import type { StackFault } from './stack-faults.ts'
import { breakerPauseMs, type StackLimits } from './stack-limits.ts'
import { requestApplication, StackNode } from './stack-node.ts'
import { askAll, askOwners } from './stack-probes.ts'
import type { StackScenario } from './stack-scenarios.ts'
import { Traffic } from './stack-traffic.ts'

/** How often the counters are compared with the book. */
const checkpointMs = 500
/** How often it is looked whether something has come true. */
const lookMs = 50
/** After the last fault and the last call, everybody has his answer by then. */
const answersWithinMs = 60_000
const convergesWithinMs = 120_000
/** What is in flight then belongs to sessions with processes that are gone. */
const settlesWithinMs = 120_000
const drainWithinMs = 20_000

interface Place {
  readonly stack: StackNode
  traffic: Traffic
}

/** The nodes of one run, what happens to them, and what has to be true at its end. */
export class StackCluster {
  readonly ids: readonly string[]
  readonly #scenario: StackScenario
  readonly #seed: number
  readonly #limits: StackLimits
  readonly #quality: NetworkQuality
  readonly #random: Random
  readonly #book: StackBook
  /** The process that runs or ran last, by node. */
  readonly #places = new Map<string, Place>()
  readonly #faults: Record<string, number> = {}
  /** Restarts and drains that are under way. */
  readonly #working = new Set<Promise<void>>()
  readonly #starting = new Set<string>()
  #cluster: TestCluster | null = null
  #isTrafficOver = false

  constructor(parts: {
    scenario: StackScenario
    seed: number
    ids: readonly string[]
    limits: StackLimits
    quality: NetworkQuality
    random: Random
    book: StackBook
  }) {
    this.#scenario = parts.scenario
    this.#seed = parts.seed
    this.ids = parts.ids
    this.#limits = parts.limits
    this.#quality = parts.quality
    this.#random = parts.random
    this.#book = parts.book
  }

  nowMs(): number {
    return this.#cluster?.nowMs() ?? 0
  }

  /** A hash of every packet. */
  get packets(): string {
    return this.#cluster?.traceHash ?? ''
  }

  async go(faults: readonly StackFault[], drainsInTurn: boolean): Promise<void> {
    const cluster = await createTestCluster({
      nodes: this.ids,
      time: 'virtual',
      seed: `${this.#scenario.name} ${this.#seed}`,
      // The book of the simulation is another one.
      ledgerMax: 1,
      options: (id) => {
        const stack = new StackNode(id, this.#book, () => this.#running.scheduler)
        this.#places.set(id, { stack, traffic: this.#trafficOf(stack) })
        return { ...this.#limits.options, applications: stack.implementations() }
      },
      applications: (node) => this.#places.get(node.id)?.stack.joined(node),
    })
    this.#cluster = cluster
    cluster.setNetwork(this.#quality)
    for (const { traffic } of this.#places.values()) traffic.begin()
    const startedMs = cluster.nowMs()
    const rolling = drainsInTurn ? this.#track(this.#drainInTurn()) : null
    for (const fault of faults) {
      await this.#passUntil(startedMs + fault.atMs)
      await this.#inflict(fault)
    }
    await this.#passUntil(startedMs + this.#scenario.trafficMs)
    if (rolling !== null) await cluster.run(rolling)
    await this.#rest()
    await this.#judge()
  }

  /** Counts of what happened, for people and to see that it did. */
  metrics(): Record<string, number> {
    const { processes } = this.#book
    const calls = processes.flatMap((process) => process.calls)
    const counts: Record<string, number> = { processes: processes.length, calls: calls.length }
    const add = (name: string, count = 1): void => {
      counts[name] = (counts[name] ?? 0) + count
    }
    for (const { answer, copies } of calls) {
      add(`told ${answer?.replace('ERR_NODOSUM_', '') ?? 'nothing'}`)
      for (const { starts } of copies.values()) add('handlers', starts.length)
    }
    for (const { undelivered } of processes) add('undelivered', undelivered.size)
    for (const [kind, count] of Object.entries(this.#faults)) add(`fault ${kind}`, count)
    return counts
  }

  async close(): Promise<void> {
    await this.#cluster?.close()
  }

  get #running(): TestCluster {
    if (this.#cluster === null) throw new Error('the cluster has not begun')
    return this.#cluster
  }

  #trafficOf(from: StackNode): Traffic {
    return new Traffic({
      from,
      book: this.#book,
      random: this.#random.stream(`traffic ${from.process.name}`),
      ids: this.ids,
      traffic: this.#scenario.traffic,
      retries: this.#scenario.faults.drainsInTurn,
    })
  }

  /** Lets time pass, and compares counters with the book on the way. */
  async #passUntil(untilMs: number): Promise<void> {
    for (;;) {
      const leftMs = untilMs - this.nowMs()
      if (leftMs <= 0 || this.#book.violations.length > 0) return
      await this.#running.advance(Math.min(leftMs, checkpointMs))
      this.#checkpoint()
    }
  }

  #checkpoint(): void {
    for (const { stack } of this.#places.values()) {
      if (stack.isAtWork) checkCounters(this.#book, stack.process, stack.node)
    }
  }

  async #inflict(fault: StackFault): Promise<void> {
    if (this.#book.violations.length > 0) return
    const cluster = this.#running
    const place = 'node' in fault ? this.#places.get(fault.node) : undefined
    switch (fault.kind) {
      case 'break':
        cluster.breakConnections()
        break
      case 'partition':
        cluster.partition(...fault.groups)
        break
      case 'heal':
        cluster.heal()
        break
      case 'kill':
        if (place === undefined || this.#atWork <= 2 || !this.#isKillable(place)) return
        await this.#kill(fault.node, place)
        break
      case 'restart':
        if (this.#isDown(fault.node)) void this.#track(this.#start(fault.node))
        return
      case 'pause':
        if (place?.stack.isAtWork !== true || this.#atWork <= 2) return
        cluster.pause(fault.node)
        place.stack.pause()
        break
      case 'resume':
        this.#resume(fault.node)
        return
      case 'drain':
        if (place?.stack.isAtWork !== true || this.#atWork <= 2) return
        void this.#track(this.#drain(fault.node, place))
        break
    }
    this.#faults[fault.kind] = (this.#faults[fault.kind] ?? 0) + 1
  }

  get #atWork(): number {
    return [...this.#places.values()].filter(({ stack }) => stack.isAtWork).length
  }

  #isKillable({ stack }: Place): boolean {
    const { state } = stack.process
    return stack.hasJoined && (state === 'running' || state === 'draining')
  }

  #isDown(id: string): boolean {
    const state = this.#places.get(id)?.stack.process.state
    return (state === 'killed' || state === 'closed') && !this.#starting.has(id)
  }

  async #kill(id: string, { stack, traffic }: Place): Promise<void> {
    stack.process.state = 'killed'
    this.#book.touched.add(id)
    traffic.end()
    await this.#running.kill(id)
    stack.resume()
  }

  async #start(id: string): Promise<void> {
    this.#starting.add(id)
    await this.#running.restart(id)
    this.#starting.delete(id)
    if (!this.#isTrafficOver) this.#places.get(id)?.traffic.begin()
  }

  #resume(id: string): void {
    const stack = this.#places.get(id)?.stack
    if (stack?.process.isPaused !== true) return
    this.#running.resume(id)
    stack.resume()
  }

  /** A node finishes what it has, leaves, and comes back as another process. */
  async #drain(id: string, { stack, traffic }: Place): Promise<void> {
    const { process, node } = stack
    process.state = 'draining'
    traffic.end()
    const report = await node.drain({ deadlineMs: drainWithinMs })
    if (process.state !== 'draining') return
    if (report.complete) {
      process.state = 'drained'
      const handlers = [...process.running.values()].reduce((sum, count) => sum + count, 0)
      const calls = [...process.pending].map(([name, count]) => `${count} of ${name}`)
      if (handlers > 0) {
        const words = `${process.name} says so, and ${handlers} handlers run; ${calls.join(', ')}`
        this.#book.violated('a drained node has finished', words)
      }
    } else {
      process.state = 'closing'
      if (this.#scenario.faults.drainsInTurn) {
        this.#book.violated('a drain ends', `${process.name}: ${JSON.stringify(report)}`)
      }
    }
    // Whoever stops processes takes his time; what comes meanwhile is refused.
    await stack.wait(this.#random.integer(0, 300))
    this.#book.touched.add(id)
    await node.close()
    checkCounters(this.#book, process, node)
    checkIdle(this.#book, process, node)
    process.state = 'closed'
    await this.#start(id)
  }

  async #drainInTurn(): Promise<void> {
    for (const [id, place] of [...this.#places]) {
      await this.#drain(id, place)
      this.#faults.drain = (this.#faults.drain ?? 0) + 1
      await this.#running.converge()
    }
  }

  #track(work: Promise<void>): Promise<void> {
    const tracked = work.catch((error: unknown) => {
      this.#book.violated('nothing throws', error instanceof Error ? `${error.stack}` : `${error}`)
    })
    this.#working.add(tracked)
    void tracked.then(() => this.#working.delete(tracked))
    return tracked
  }

  /** All faults end, nobody asks any more, everybody is there. */
  async #rest(): Promise<void> {
    if (this.#book.violations.length > 0) return
    const cluster = this.#running
    this.#isTrafficOver = true
    for (const { traffic } of this.#places.values()) traffic.end()
    cluster.heal()
    cluster.setNetwork({ delayMs: 1, jitterMs: 0, loss: 0, duplication: 0, reordering: 0 })
    for (const id of this.ids) {
      this.#resume(id)
      if (this.#isDown(id)) void this.#track(this.#start(id))
    }
    await this.#waits(
      'everything that was begun ends',
      convergesWithinMs,
      () => this.#working.size === 0,
    )
    await this.#waits('every call has one answer', answersWithinMs, () => this.#book.pending === 0)
    await cluster.converge({ withinMs: convergesWithinMs })
    const isIdle = (): boolean =>
      this.#nodes.every(({ node }) =>
        Object.values(node.metrics().applications).every(({ inFlight }) => inFlight === 0),
      )
    await this.#waits('nothing is in flight at rest', settlesWithinMs, isIdle)
    await cluster.advance(breakerPauseMs)
  }

  async #waits(what: string, withinMs: number, condition: () => boolean): Promise<void> {
    const untilMs = this.nowMs() + withinMs
    while (!condition() && this.#book.violations.length === 0) {
      if (this.nowMs() > untilMs) this.#book.violated(what, `not after ${withinMs} ms`)
      else await this.#running.advance(lookMs)
    }
  }

  get #nodes(): { process: StackNode['process']; node: Node; stack: StackNode }[] {
    return [...this.#places.values()]
      .filter(({ stack }) => stack.isAtWork)
      .map(({ stack }) => ({ process: stack.process, node: stack.node, stack }))
  }

  async #judge(): Promise<void> {
    if (this.#book.violations.length > 0) return
    const nodes = this.#nodes
    if (nodes.length !== this.ids.length) {
      this.#book.violated('every node runs again', `${nodes.length} of ${this.ids.length} do`)
    }
    const stacks = nodes.map(({ stack }) => stack)
    await this.#running.run(askAll(this.#book, stacks, requestApplication))
    const asked = askOwners(this.#book, stacks, requestApplication)
    await this.#running.run(asked.done)
    checkOwners(this.#book, asked.calls)
    for (const { process, node } of nodes) {
      checkCounters(this.#book, process, node)
      checkIdle(this.#book, process, node)
    }
    checkAnswered(this.#book)
    for (const process of this.#book.processes) {
      if (process.state !== 'killed') checkConservation(this.#book, process)
    }
    if (this.#scenario.faults.killsEveryMs !== null) await this.#lastDeath()
  }

  /** A process dies for good: when that is known, the others own its keys. */
  async #lastDeath(): Promise<void> {
    if (this.#book.violations.length > 0) return
    const [id, ...others] = this.ids
    const place = this.#places.get(id as string)
    if (place !== undefined) await this.#kill(id as string, place)
    await this.#running.converge({ withinMs: convergesWithinMs })
    const left = others.flatMap((other) => this.#places.get(other)?.stack ?? [])
    const asked = askOwners(this.#book, left, requestApplication)
    await this.#running.run(asked.done)
    checkOwners(this.#book, asked.calls)
  }
}
