import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'

const program = new URL('./process.ts', import.meta.url).pathname

/** How long a process may take to join or to end. */
const startWithinMs = 30_000
const stopWithinMs = 15_000

/** The processes of the shop, as children of this one; none outlives it. */
export class ShopProcesses {
  readonly names: readonly string[]
  readonly #directory: string
  readonly #children = new Map<string, ChildProcess>()

  constructor(directory: string, count: number) {
    this.#directory = directory
    this.names = Array.from({ length: count }, (_, index) => `bazaar-${index + 1}`)
  }

  isRunning(name: string): boolean {
    return this.#children.has(name)
  }

  /** Resolves when the process has joined the cluster. */
  start(name: string): Promise<void> {
    const output = createWriteStream(join(this.#directory, `${name}.log`), { flags: 'a' })
    const flags = ['--conditions=nodosum-source', '--disable-warning=ExperimentalWarning']
    const child = spawn(process.execPath, [...flags, program, name, this.#directory], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#children.set(name, child)
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        said = `${said}${chunk.toString()}`.slice(-2_000)
        output.write(chunk)
      })
    }
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer)
        reject(new Error(`${name} ${why}\n${said}`))
      }
      const timer = setTimeout(() => fail(`did not join in ${startWithinMs} ms`), startWithinMs)
      child.once('message', () => {
        clearTimeout(timer)
        resolve()
      })
      child.once('exit', (code, signal) => {
        if (this.#children.get(name) === child) this.#children.delete(name)
        output.end()
        fail(`ended with ${signal ?? code} before it joined`)
      })
    })
  }

  /** SIGKILL: the process gets no chance to say goodbye. */
  kill(name: string): void {
    this.#children.get(name)?.kill('SIGKILL')
  }

  /** SIGTERM to all, which they take as the wish to drain and end; SIGKILL to who does not. */
  async stop(): Promise<void> {
    const children = [...this.#children.values()]
    await Promise.all(
      children.map(
        (child) =>
          new Promise<void>((resolve) => {
            const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
            child.once('exit', () => {
              clearTimeout(timer)
              resolve()
            })
            child.kill('SIGTERM')
          }),
      ),
    )
  }

  /** On the way out of this process: at once, and without waiting. */
  killAll(): void {
    for (const child of this.#children.values()) child.kill('SIGKILL')
  }
}
