import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Answer, Order } from './pair-process.ts'
import type { Work } from './subject.ts'

/** A step of a round that takes longer than this has hung, or has lost a message. */
const stepTimeoutMs = 120_000

/** What one round gave. */
export interface Round {
  readonly seconds: number
  readonly latenciesUs: readonly number[]
  /** Of the sending process. */
  readonly cpuUs: number
  readonly value: number | undefined
  readonly more: Readonly<Record<string, number>>
}

/** Two processes that run one subject. */
export class Pair {
  readonly #subject: string
  readonly #directory: string
  readonly #receiver: ChildProcess
  readonly #sender: ChildProcess

  private constructor(subject: string) {
    this.#subject = subject
    this.#directory = mkdtempSync(join(tmpdir(), 'nodosum-benchmark-'))
    this.#receiver = this.#fork('receiver')
    this.#sender = this.#fork('sender')
  }

  static async start(subject: string): Promise<Pair> {
    const pair = new Pair(subject)
    try {
      const [ready] = await Promise.all([
        pair.#answer(pair.#receiver, 'ready'),
        pair.#answer(pair.#sender, 'ready'),
      ])
      const connected = pair.#answer(pair.#sender, 'ready')
      pair.#order(pair.#sender, { order: 'connect', address: ready.address })
      await connected
      return pair
    } catch (error) {
      await pair.close()
      throw error
    }
  }

  /** Rejects when a message of the round does not arrive. */
  async round(work: Work): Promise<Round> {
    const expecting = this.#answer(this.#receiver, 'expecting')
    this.#order(this.#receiver, { order: 'expect', work })
    await expecting
    const received = work.kind === 'oneway' ? this.#answer(this.#receiver, 'received') : undefined
    const sending = this.#answer(this.#sender, 'sent')
    this.#order(this.#sender, { order: 'run', work })
    const [sent, arrival] = await Promise.all([sending, received])
    if (work.kind === 'request' && sent.latenciesUs.length !== work.count) {
      throw new Error(`${this.#subject}: ${sent.latenciesUs.length} replies of ${work.count}`)
    }
    const endedNs = arrival === undefined ? sent.endedNs : arrival.atNs
    const seconds = Number(BigInt(endedNs) - BigInt(sent.startedNs)) / 1e9
    const { latenciesUs, cpuUs, value, more = {} } = sent
    return { seconds, latenciesUs, cpuUs, value, more }
  }

  async close(): Promise<void> {
    const children = [this.#sender, this.#receiver]
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
        const ended = new Promise((resolve) => child.once('exit', resolve))
        if (child.connected) this.#order(child, { order: 'close' })
        await ended
        clearTimeout(timer)
      }),
    )
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #fork(role: string): ChildProcess {
    const script = join(import.meta.dirname, 'pair-process.ts')
    return fork(script, [this.#subject, role, this.#directory], {
      execArgv: ['-C', 'nodosum-source'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  #order(child: ChildProcess, order: Order): void {
    child.send(order)
  }

  #answer<Kind extends Answer['answer']>(
    child: ChildProcess,
    kind: Kind,
  ): Promise<Extract<Answer, { answer: Kind }>> {
    return new Promise((resolve, reject) => {
      const end = (finish: () => void): void => {
        clearTimeout(timer)
        child.off('message', onMessage)
        child.off('exit', onExit)
        finish()
      }
      const fail = (why: string): void =>
        end(() => reject(new Error(`${this.#subject}: no "${kind}": ${why}`)))
      const onMessage = (message: Answer): void => {
        if (message.answer === 'failed') fail(message.message)
        else if (message.answer === kind) end(() => resolve(message as never))
      }
      const onExit = (code: number | null): void => fail(`the process ended with ${code}`)
      const timer = setTimeout(() => fail(`nothing for ${stepTimeoutMs} ms`), stepTimeoutMs)
      child.on('message', onMessage)
      child.on('exit', onExit)
    })
  }
}
