import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('./process.ts', import.meta.url))

/** How long a process may take to join or to end. */
const startWithinMs = 30_000
const stopWithinMs = 15_000

/** What Node needs to run a program of this folder from its sources. */
export const nodeFlags: readonly string[] = [
  '--conditions=nodosum-source',
  '--disable-warning=ExperimentalWarning',
]

/** The processes of the shop, as children of this one; none outlives it. */
export class ShopProcesses {
  readonly names: readonly string[]
  /** Told when a process ends that nobody has killed or stopped. */
  onUnexpectedEnd: ((name: string, how: string) => void) | null = null
  readonly #directory: string
  readonly #children = new Map<string, ChildProcess>()
  readonly #expectedToEnd = new Set<ChildProcess>()

  constructor(directory: string, count: number) {
    this.#directory = directory
    this.names = Array.from({ length: count }, (_, index) => `bazaar-${index + 1}`)
  }

  logFile(name: string): string {
    return join(this.#directory, 'logs', `${name}.log`)
  }

  /** Resolves when the process has joined the cluster. */
  start(name: string): Promise<void> {
    mkdirSync(join(this.#directory, 'logs'), { recursive: true })
    const log = openSync(this.logFile(name), 'a')
    const child = spawn(process.execPath, [...nodeFlags, program, name, this.#directory], {
      stdio: ['ignore', log, log, 'ipc'],
      // Out of reach of the terminal's Ctrl-C: the customers leave before the shop closes.
      detached: true,
    })
    closeSync(log)
    this.#children.set(name, child)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(`did not join in ${startWithinMs} ms`), startWithinMs)
      let isReady = false
      const fail = (why: string): void => {
        clearTimeout(timer)
        reject(new Error(`${name} ${why}\n${this.#lastWords(name)}`.trimEnd()))
      }
      child.once('message', () => {
        clearTimeout(timer)
        isReady = true
        resolve()
      })
      child.once('error', (error) => fail(`could not be started: ${error.message}`))
      child.once('exit', (code, signal) => {
        if (this.#children.get(name) === child) this.#children.delete(name)
        const isExpected = this.#expectedToEnd.delete(child)
        if (!isReady) fail(`ended with ${signal ?? code} before it joined`)
        else if (!isExpected) this.onUnexpectedEnd?.(name, `ended by itself with ${signal ?? code}`)
      })
    })
  }

  /** SIGKILL: the process gets no chance to say goodbye. */
  kill(name: string): void {
    const child = this.#children.get(name)
    if (child === undefined) return
    this.#expectedToEnd.add(child)
    child.kill('SIGKILL')
  }

  /**
   * SIGTERM to all, or to those named, which they take as the wish to drain and end; SIGKILL to who does not.
   *
   * @returns the names of those that had to be killed.
   */
  async stop(names: readonly string[] = this.names): Promise<readonly string[]> {
    const killed: string[] = []
    const stopped = [...this.#children].filter(([name]) => names.includes(name))
    const ending = stopped.map(
      ([name, child]) =>
        new Promise<void>((resolve) => {
          const timer = setTimeout(() => {
            killed.push(name)
            child.kill('SIGKILL')
          }, stopWithinMs)
          child.once('exit', () => {
            clearTimeout(timer)
            resolve()
          })
          this.#expectedToEnd.add(child)
          child.kill('SIGTERM')
        }),
    )
    await Promise.all(ending)
    return killed
  }

  /** On the way out of this process: at once, and without waiting. */
  killAll(): void {
    for (const child of this.#children.values()) child.kill('SIGKILL')
  }

  #lastWords(name: string): string {
    return readFileSync(this.logFile(name), 'utf8').slice(-2_000)
  }
}
