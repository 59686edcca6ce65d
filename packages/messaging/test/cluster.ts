import {
  type ApplicationId,
  type BootId,
  type LogFields,
  type Logger,
  type NodeId,
  NodosumError,
  newBootId,
  parseNodeId,
  seededRandom,
  silentLogger,
} from '@nodosum/kernel'
import { type SimulatedScheduler, simulatedScheduler } from '@nodosum/testkit'
import { vi } from 'vitest'
import {
  type Directory,
  type MessagingOptions,
  MessagingService,
  messagingOptions,
  type Session,
  type Sessions,
  type Undelivered,
} from '../src/index.ts'
import { FakeSession, type FakeWire } from './fake-sessions.ts'

const random = seededRandom('messaging tests')

/** A node with messaging and nothing below it. */
export class TestNode {
  readonly id: NodeId
  readonly bootId: BootId = newBootId(random)
  readonly service: MessagingService
  readonly undelivered: Undelivered[] = []
  readonly logged: LogFields[] = []
  applications: readonly ApplicationId[] = []
  /** The node is known but takes no new work, or is gone for the others. */
  state: 'alive' | 'draining' | 'failed' = 'alive'

  constructor(cluster: TestCluster, id: string, options: Partial<MessagingOptions>) {
    this.id = parseNodeId(id)
    const logger: Logger = {
      ...silentLogger,
      warn: (fields) => void this.logged.push(fields),
      error: (fields) => void this.logged.push(fields),
    }
    const directory: Directory = {
      self: this.id,
      candidates: (application) => (cluster.viewOf.get(id) ?? cluster).candidates(application),
      isPresent: (node) => cluster.nodes.has(node) && cluster.nodes.get(node)?.state !== 'failed',
      tags: (node) => cluster.tags.get(node),
      rttMs: (node) => cluster.rttsMs.get(node),
      announce: (applications) => {
        this.applications = applications
      },
    }
    const sessions: Sessions = {
      get: (peer) => cluster.session(this, peer),
      ensure: (peer) => cluster.ensure(this, peer),
    }
    this.service = new MessagingService({
      self: { nodeId: this.id, bootId: this.bootId },
      sessions,
      directory,
      scheduler: cluster.scheduler,
      random: random.stream(id),
      logger,
      options: messagingOptions.parse(options),
      messageBytesMax: 1_048_576,
      isControl: (application) => application.startsWith('nodosum.'),
    })
    this.service.onUndelivered = (message) => this.undelivered.push(message)
  }

  get orders(): ReturnType<MessagingService['application']> {
    return this.service.application('orders')
  }

  /** Counters of `orders`. */
  get counts(): ReturnType<MessagingService['snapshot']>[string] {
    const counts = this.service.snapshot().orders
    if (counts === undefined) throw new Error('there is no application orders')
    return counts
  }
}

/** Nodes that reach each other in memory; time stands still unless the test moves it. */
export class TestCluster {
  readonly scheduler: SimulatedScheduler = simulatedScheduler({ turns: 'real' })
  readonly nodes: Map<string, TestNode> = new Map()
  /** Other views of some nodes, for tests in which views differ. */
  readonly viewOf: Map<string, { candidates(application: string): readonly NodeId[] }> = new Map()
  readonly wire: FakeWire = { holds: false, roomBytes: 1_000_000 }
  /** What `ensure` rejects with, when it is set. */
  /** What membership would have measured, for all nodes alike. */
  readonly rttsMs: Map<string, number> = new Map()
  unreachable: NodosumError | null = null
  /** What members are tagged with; all nodes know the same. */
  readonly tags: Map<string, Readonly<Record<string, string>>> = new Map()
  readonly #sessions = new Map<string, FakeSession>()

  node(id: string, options: Partial<MessagingOptions> = {}): TestNode {
    const node = new TestNode(this, id, options)
    this.nodes.set(id, node)
    return node
  }

  candidates(application: string): readonly NodeId[] {
    const running = [...this.nodes.values()].filter(
      ({ applications, state }) =>
        state === 'alive' && (applications as readonly string[]).includes(application),
    )
    return running.map(({ id }) => id).sort()
  }

  session(from: TestNode, to: string): Session | null {
    return this.#sessions.get(`${from.id}>${to}`) ?? null
  }

  /** The end that `from` has, to be cut or looked at. */
  end(from: TestNode, to: TestNode): FakeSession {
    const session = this.#sessions.get(`${from.id}>${to.id}`)
    if (session === undefined) throw new Error(`no session from ${from.id} to ${to.id}`)
    return session
  }

  async ensure(from: TestNode, to: string): Promise<Session> {
    if (this.unreachable !== null) throw this.unreachable
    const present = this.session(from, to)
    if (present !== null) return present
    const peer = this.nodes.get(to)
    if (peer === undefined || peer.state === 'failed') {
      throw new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', `${to} does not answer`)
    }
    const near = this.#open(from, peer)
    const far = peer === from ? near : this.#open(peer, from)
    near.other = far
    far.other = near
    for (const [node, session] of [
      [from, near],
      [peer, far],
    ] as const) {
      if (session.handler === null) node.service.attach(session)
    }
    return near
  }

  /** The network between two nodes is gone, in the middle of whatever. */
  cut(from: TestNode, to: TestNode): void {
    this.end(from, to).end(new NodosumError('ERR_NODOSUM_CONNECTION_LOST', 'cut'))
  }

  #open(from: TestNode, to: TestNode): FakeSession {
    const key = `${from.id}>${to.id}`
    const session = new FakeSession(to.id, to.bootId, this.wire, () => this.#sessions.delete(key))
    this.#sessions.set(key, session)
    return session
  }
}

export async function until(condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { timeout: 15_000, interval: 1 })
}

/** Lets everything happen that needs no time to pass. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A promise that a test settles. */
export function gate(): { readonly opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

/** What a promise rejects with; an error that says so when it does not. */
export function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => new Error(`resolved to ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
}

/** Lets simulated time pass in small steps, with everything that happens meanwhile. */
export async function pass(cluster: TestCluster, ms: number): Promise<void> {
  for (let each = 0; each < ms; each += 10) {
    await settle()
    cluster.scheduler.runFor(10)
  }
  await settle()
}
