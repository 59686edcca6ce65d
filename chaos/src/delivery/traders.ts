import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startTcpProxy, startUdpProxy, type TcpProxy, type UdpProxy } from '../fault-proxy/index.ts'
import { freePorts } from '../free-ports.ts'
import { issueCredentials } from '../issue-credentials.ts'
import type { DeliveryDeeds } from './delivery-audit.ts'
import type { DeliveryFault } from './delivery-faults.ts'
import type { TraderOrder, TraderSettings, TraderWord } from './trader-settings.ts'

/** One node in one process after the other. */
interface Trader {
  readonly settings: TraderSettings
  child: ChildProcess | null
  /** Of the process that runs, and of those before it. */
  fires: number
  firesBefore: number
}

/** Processes that send to each other, and what is done to them. */
export class Traders {
  readonly #directory: string
  readonly #traders: Map<string, Trader>
  readonly #proxies: (UdpProxy | TcpProxy)[]
  readonly #killed = new Set<string>()
  readonly #isOrderly: boolean
  #kills = 0
  #started = 0

  private constructor(
    directory: string,
    settings: readonly TraderSettings[],
    proxies: (UdpProxy | TcpProxy)[],
    isOrderly: boolean,
  ) {
    this.#directory = directory
    this.#isOrderly = isOrderly
    this.#proxies = proxies
    this.#traders = new Map(
      settings.map((each) => [
        each.nodeId,
        { settings: each, child: null, fires: 0, firesBefore: 0 },
      ]),
    )
  }

  /**
   * Decides where they listen; starts none yet.
   *
   * @param fault its links are what a proxy in front of each node does to datagrams; without, there
   * is none
   */
  static async make(
    directory: string,
    wanted: readonly Omit<TraderSettings, 'directory' | 'port' | 'advertise'>[],
    { links, isOrderly = false }: Pick<DeliveryFault, 'links' | 'isOrderly'>,
  ): Promise<Traders> {
    const credentials = join(directory, 'credentials')
    mkdirSync(credentials, { recursive: true })
    await issueCredentials(
      credentials,
      wanted.map(({ nodeId }) => nodeId),
    )
    const ports = await freePorts(wanted.length)
    const proxies: (UdpProxy | TcpProxy)[] = []
    const settings: TraderSettings[] = []
    for (const [index, each] of wanted.entries()) {
      const port = ports[index] ?? 0
      const advertise = links === undefined ? null : `127.0.1.${index + 1}`
      settings.push({ ...each, directory, port, advertise })
      if (advertise === null || links === undefined) continue
      // The same port of another address, which is what others are told.
      const listen = { host: advertise, port }
      const to = { host: '127.0.0.1', port }
      const { delayMs = 0, jitterMs = 0 } = links
      proxies.push(await startUdpProxy({ listen, to, faults: links, seed: index }))
      proxies.push(await startTcpProxy({ listen, to, faults: { delayMs, jitterMs }, seed: index }))
    }
    const seeds = settings.map(({ advertise, port }) => `${advertise ?? '127.0.0.1'}:${port}`)
    writeFileSync(join(directory, 'seeds'), `${seeds.join('\n')}\n`)
    return new Traders(directory, settings, proxies, isOrderly)
  }

  get ids(): readonly string[] {
    return [...this.#traders.keys()]
  }

  /** What the audit has to know. */
  get deeds(): DeliveryDeeds {
    const [kills, started, isOrderly] = [this.#kills, this.#started, this.#isOrderly]
    return { killed: this.#killed, kills, started, isOrderly }
  }

  /** Messages that nobody waits for, accepted so far. */
  get fires(): number {
    return [...this.#traders.values()].reduce((sum, { fires, firesBefore }) => {
      return sum + fires + firesBefore
    }, 0)
  }

  /** Starts all at once and waits until each has joined. */
  async startAll(): Promise<void> {
    await Promise.all([...this.#traders.keys()].map((nodeId) => this.start(nodeId)))
  }

  async start(nodeId: string): Promise<void> {
    const trader = this.#get(nodeId)
    const program = join(import.meta.dirname, 'trader-process.ts')
    const args = ['-C', 'nodosum-source', program, JSON.stringify(trader.settings)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    trader.child = child
    trader.firesBefore += trader.fires
    trader.fires = 0
    this.#started += 1
    child.on('message', ({ fires }: TraderWord) => {
      if (trader.child === child) trader.fires = fires
    })
    await heard(child, 'ready', 60_000)
  }

  async kill(nodeId: string): Promise<void> {
    const child = this.#child(nodeId)
    this.#killed.add(nodeId)
    this.#kills += 1
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** It drains and closes, as on SIGTERM. Rejects when it does not end. */
  async leave(nodeId: string): Promise<void> {
    const child = this.#child(nodeId)
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(60_000) })
    order(child, 'leave')
    await ended
  }

  pause(nodeId: string): void {
    this.#child(nodeId).kill('SIGSTOP')
  }

  resume(nodeId: string): void {
    this.#child(nodeId).kill('SIGCONT')
  }

  /** Lets time pass: how long they stand something is what is looked at. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms))
  }

  /** No further sends; then each closes. Rejects when one does not end. */
  async finish(): Promise<void> {
    const children = [...this.#traders.keys()].map((nodeId) => this.#child(nodeId))
    const resting = children.map((child) => heard(child, 'resting', 60_000))
    for (const child of children) order(child, 'rest')
    await Promise.all(resting)
    const ended = children.map((child) =>
      once(child, 'exit', { signal: AbortSignal.timeout(60_000) }),
    )
    for (const child of children) order(child, 'close')
    await Promise.all(ended)
  }

  /** How often each fault of the links has fired, by its name. */
  get firedFaults(): Readonly<Record<string, number>> {
    const fired: Record<string, number> = {}
    for (const proxy of this.#proxies) {
      for (const direction of ['forward', 'backward'] as const) {
        for (const [name, count] of Object.entries(proxy.counters[direction])) {
          if (typeof count === 'number') fired[name] = (fired[name] ?? 0) + count
        }
      }
    }
    return fired
  }

  /** Ends every process, whatever state it is in. */
  async end(): Promise<void> {
    for (const { child } of this.#traders.values()) {
      if (child === null || child.exitCode !== null || child.signalCode !== null) continue
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
    for (const proxy of this.#proxies) await proxy.close()
  }

  get directory(): string {
    return this.#directory
  }

  #get(nodeId: string): Trader {
    const trader = this.#traders.get(nodeId)
    if (trader === undefined) throw new Error(`there is no node ${nodeId}`)
    return trader
  }

  #child(nodeId: string): ChildProcess {
    const { child } = this.#get(nodeId)
    if (child === null) throw new Error(`${nodeId} was not started`)
    return child
  }
}

function order(child: ChildProcess, what: TraderOrder): void {
  child.send(what)
}

/** Resolves when the process has said so; rejects when it ends before, or takes too long. */
function heard(child: ChildProcess, word: TraderWord['word'], withinMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(`did not say ${word} in ${withinMs} ms`), withinMs)
    const listen = (message: TraderWord): void => {
      if (message.word === word) done(resolve)
    }
    const exited = (code: number | null, signal: string | null): void => {
      fail(`ended with ${signal ?? code} before it said ${word}`)
    }
    const done = (settle: () => void): void => {
      clearTimeout(timer)
      child.off('message', listen)
      child.off('exit', exited)
      settle()
    }
    const fail = (why: string): void => {
      done(() => reject(new Error(`process ${child.pid} ${why}`)))
    }
    child.on('message', listen)
    child.on('exit', exited)
  })
}
