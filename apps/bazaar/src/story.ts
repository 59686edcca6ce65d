import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createNode, type Node } from 'nodosum'
import { Customers } from './customers.ts'
import { FileLogger } from './file-logger.ts'
import { Journal } from './journal.ts'
import { nodeFlags, ShopProcesses } from './shop-processes.ts'
import type { ViewState } from './terminal-view.ts'

export interface StoryOptions {
  readonly directory: string
  readonly processes: number
  readonly ordersPerSecond: number
  readonly onEvent: (atMs: number, text: string) => void
}

/** A member must be found dead, or back, within this time; far more than it takes. */
const noticeWithinMs = 30_000

const accountProgram = fileURLToPath(new URL('./account.ts', import.meta.url))

/** Five processes open a shop, one is killed and comes back, and the books balance. */
export class Story {
  readonly #options: StoryOptions
  readonly #processes: ShopProcesses
  readonly #events: { atMs: number; text: string }[] = []
  readonly #problems: string[] = []
  readonly #startedMs = performance.now()
  #node: Node | null = null
  #customers: Customers | null = null
  #journal: Journal | null = null

  constructor(options: StoryOptions) {
    this.#options = options
    this.#processes = new ShopProcesses(options.directory, options.processes)
    this.#processes.onUnexpectedEnd = (name, how) => this.#problem(`${name} ${how}`)
  }

  async open(): Promise<void> {
    const { directory, ordersPerSecond } = this.#options
    const { names } = this.#processes
    mkdirSync(join(directory, 'logs'), { recursive: true })
    this.#tell(`starting ${names.length} processes`)
    await Promise.all(names.map((name) => this.#processes.start(name)))
    const node = await createNode({
      cluster: 'bazaar',
      nodeId: 'customers',
      profile: 'development',
      developmentDirectory: join(directory, 'development'),
      logger: new FileLogger(join(directory, 'logs', 'customers.log')),
    })
    this.#node = node
    await this.#until('all members to be seen', () => this.#present() === names.length)
    this.#tell(`${names.length} processes form a cluster over QUIC with mutual TLS`)
    this.#journal = new Journal(join(directory, 'customers.jsonl'))
    this.#customers = new Customers({ node, journal: this.#journal, ordersPerSecond })
    this.#tell('the customers are in')
  }

  /** Kills one process with SIGKILL, waits until that is noticed, and starts it again. */
  async killOne(victim: string): Promise<void> {
    this.#customers?.noteKill(victim)
    this.#processes.kill(victim)
    const killedMs = performance.now()
    this.#tell(`${victim} is killed with SIGKILL, ${this.#customers?.inFlight} orders in flight`)
    await this.#until('the death to be noticed', () => this.#stateOf(victim) === 'failed')
    this.#tell(`${victim} is declared dead after ${since(killedMs)}; business goes on without it`)
    await this.#processes.start(victim)
    await this.#until('the return to be noticed', () => this.#stateOf(victim) === 'alive')
    this.#tell(`${victim} is back ${since(killedMs)} after it was killed`)
  }

  /** Restarts every process, one after the other, as a deployment does: SIGTERM, and once more. */
  async restartAll(): Promise<void> {
    for (const name of this.names) {
      const startedMs = performance.now()
      for (const killed of await this.#processes.stop([name])) {
        this.#problem(`${killed} did not drain and end when asked, and was killed`)
      }
      this.#tell(`${name} drained and ended after ${since(startedMs)}`)
      await this.#until('the goodbye to be heard', () => this.#stateOf(name) !== 'alive')
      await this.#processes.start(name)
      await this.#until('the return to be noticed', () => this.#stateOf(name) === 'alive')
      this.#tell(`${name} is back ${since(startedMs)} after it was asked to end`)
    }
  }

  /** Customers leave, processes end, and a program of its own does the account. */
  async account(): Promise<{ balanced: boolean; text: string }> {
    await this.#customers?.finish()
    this.#tell('the customers have left; the processes drain and end')
    for (const name of await this.#processes.stop()) {
      this.#problem(`${name} did not end when asked, and was killed`)
    }
    await this.#node?.close()
    this.#journal?.close()
    const { code, text } = await run([...nodeFlags, accountProgram, this.#options.directory])
    const problems = this.#problems.map((problem) => `problem: ${problem}`)
    return { balanced: code === 0 && problems.length === 0, text: [text, ...problems].join('\n') }
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
    return {
      elapsedMs: performance.now() - this.#startedMs,
      members: this.names.map((name) => ({ name, state: this.#stateOf(name) })),
      placed: customers?.placed ?? 0,
      confirmed: customers?.confirmed ?? 0,
      failed: customers?.failed ?? 0,
      inFlight: customers?.inFlight ?? 0,
      ordersPerSecond: customers?.rate() ?? 0,
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

  #problem(text: string): void {
    this.#problems.push(text)
    this.#tell(text)
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
      await sleep(10)
    }
  }
}

/** Runs a program to its end; what it says comes back in one piece. */
function run(programArguments: readonly string[]): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, programArguments, { stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
    }
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, text: text.trimEnd() }))
  })
}

function since(startMs: number): string {
  return `${((performance.now() - startMs) / 1_000).toFixed(1)} s`
}
