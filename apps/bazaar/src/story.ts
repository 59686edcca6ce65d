import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createNode, type Node } from 'nodosum'
import { Customers } from './customers.ts'
import { Journal } from './journal.ts'
import { ShopProcesses } from './shop-processes.ts'
import type { ViewState } from './terminal-view.ts'

export interface StoryOptions {
  readonly directory: string
  readonly processes: number
  readonly ordersPerSecond: number
  /** How long business runs before the kill, and again after the return. */
  readonly quietMs: number
  readonly onEvent: (atMs: number, text: string) => void
}

/** A member must be found dead, or back, within this time; far more than it takes. */
const noticeWithinMs = 30_000

/** Five processes open a shop, one is killed and comes back, and the books balance. */
export class Story {
  readonly #options: StoryOptions
  readonly #processes: ShopProcesses
  readonly #events: { atMs: number; text: string }[] = []
  readonly #startedMs = performance.now()
  #node: Node | null = null
  #customers: Customers | null = null
  #journal: Journal | null = null

  constructor(options: StoryOptions) {
    this.#options = options
    this.#processes = new ShopProcesses(options.directory, options.processes)
  }

  async open(): Promise<void> {
    const { directory, ordersPerSecond } = this.#options
    const { names } = this.#processes
    this.#tell(`starting ${names.length} processes`)
    await Promise.all(names.map((name) => this.#processes.start(name)))
    this.#node = await createNode({
      cluster: 'bazaar',
      nodeId: 'customers',
      profile: 'development',
      developmentDirectory: join(directory, 'development'),
    })
    await this.#until('all members to be seen', () => this.#present() === names.length)
    this.#tell(`${names.length} processes form a cluster over QUIC with mutual TLS`)
    this.#journal = new Journal(join(directory, 'customers.jsonl'))
    const node = this.#node
    this.#customers = new Customers({ node, journal: this.#journal, ordersPerSecond, count: 16 })
    this.#tell('the customers are in')
  }

  /** Kills one process with SIGKILL, waits until that is noticed, and starts it again. */
  async killOne(victim: string): Promise<void> {
    this.#customers?.noteKill(victim)
    this.#processes.kill(victim)
    const killedMs = performance.now()
    this.#tell(`${victim} is killed with SIGKILL`)
    await this.#until('the death to be noticed', () => this.#stateOf(victim) === 'failed')
    this.#tell(`${victim} is declared dead after ${since(killedMs)}; business goes on without it`)
    await this.#processes.start(victim)
    await this.#until('the return to be noticed', () => this.#stateOf(victim) === 'alive')
    this.#tell(`${victim} is back ${since(killedMs)} after it was killed`)
  }

  quiet(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#options.quietMs))
  }

  /** Customers leave, processes end, and a program of its own does the account. */
  async account(): Promise<{ balanced: boolean; text: string }> {
    await this.#customers?.finish()
    this.#tell('the customers have left; the processes drain and end')
    await this.#processes.stop()
    await this.#node?.close()
    this.#journal?.close()
    const program = new URL('./account.ts', import.meta.url).pathname
    const flags = ['--conditions=nodosum-source', '--disable-warning=ExperimentalWarning']
    const result = spawnSync(process.execPath, [...flags, program, this.#options.directory], {
      encoding: 'utf8',
    })
    return { balanced: result.status === 0, text: `${result.stdout}${result.stderr}`.trimEnd() }
  }

  /** On the way out, whatever happened. */
  abandon(): void {
    this.#processes.killAll()
  }

  get names(): readonly string[] {
    return this.#processes.names
  }

  view(): ViewState {
    const customers = this.#customers
    const placed = customers?.placed ?? 0
    const answered = customers === null ? 0 : customers.confirmed + customers.failed
    const elapsedMs = performance.now() - this.#startedMs
    return {
      elapsedMs,
      members: this.names.map((name) => ({ name, state: this.#stateOf(name) })),
      placed,
      confirmed: customers?.confirmed ?? 0,
      failed: customers?.failed ?? 0,
      inFlight: placed - answered - (customers?.unanswered ?? 0),
      ordersPerSecond: Math.round(answered / (elapsedMs / 1_000)),
      events: this.#events,
    }
  }

  #present(): number {
    return this.names.filter((name) => this.#stateOf(name) === 'alive').length
  }

  #stateOf(name: string): string {
    const member = this.#node?.members().find(({ nodeId }) => nodeId === name)
    return member?.state ?? 'unknown'
  }

  #tell(text: string): void {
    const atMs = performance.now() - this.#startedMs
    this.#events.push({ atMs, text })
    if (this.#events.length > 1_000) this.#events.shift()
    this.#options.onEvent(atMs, text)
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + noticeWithinMs
    while (!condition()) {
      if (performance.now() > deadlineMs) throw new Error(`waited ${noticeWithinMs} ms for ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

function since(startMs: number): string {
  return `${((performance.now() - startMs) / 1_000).toFixed(1)} s`
}
