import {
  type BootId,
  type LogFields,
  type NodosumError,
  newBootId,
  parseClusterName,
  parseNodeId,
  seededRandom,
  silentLogger,
} from '@nodosum/kernel'
import { type SimulatedScheduler, simulatedScheduler } from '@nodosum/testkit'
import { expect, vi } from 'vitest'
import {
  type IncomingLane,
  type OutgoingLane,
  type Session,
  SessionTable,
  type StreamsOptions,
  streamsOptions,
  type UnknownOutcome,
} from '../src/index.ts'
import { connectionPair, type FakeConnection, perfectWire, type Wire } from './fake-connections.ts'

const random = seededRandom('boots')

/** What a node has heard on one incoming lane. */
export interface HeardLane {
  readonly lane: IncomingLane
  readonly bodies: string[]
  /** Its sender has closed it. */
  ended: boolean
  closed: boolean
}

/** A lane as a layer above opens it, and why it was closed. */
export interface OwnedLane {
  readonly lane: OutgoingLane
  readonly closings: { readonly code: string | null; readonly isUntouched: boolean }[]
  isIdle: boolean
}

export function openOwned(session: Session, name: string, application = 'x'): OwnedLane {
  const lane = session.openLane('messages', application, name)
  const owned: OwnedLane = { lane, closings: [], isIdle: true }
  lane.owner = {
    get isIdle() {
      return owned.isIdle
    },
    closed: (refusal, isUntouched) => {
      owned.closings.push({ code: refusal?.code ?? null, isUntouched })
    },
  }
  return owned
}

/** A node with nothing but sessions; it keeps what it hears. */
export class TestNode {
  readonly id: string
  readonly bootId: BootId = newBootId(random)
  readonly table: SessionTable
  readonly sessions: Session[] = []
  readonly lanes: HeardLane[] = []
  readonly control: string[] = []
  readonly endings: NodosumError[] = []
  /** Peers in the order in which they were heard. */
  readonly heard: string[] = []
  /** Who must have no session with this node. */
  refused: { readonly peer: string; readonly error: NodosumError } | null = null
  /** Ranges of frames that the endings reported as unknown. */
  readonly unknown: UnknownOutcome[] = []
  readonly logged: LogFields[] = []
  /** What the next dial does instead. */
  dialFails: Error | null = null
  /** What every dial waits for. */
  dialWaits: Promise<void> | null = null
  dials = 0
  takesLanes = true
  isIdle = true
  readonly #world: TestWorld

  constructor(world: TestWorld, id: string, options: TestNodeOptions) {
    this.id = id
    this.#world = world
    this.table = new SessionTable({
      self: {
        cluster: parseClusterName(options.cluster ?? 'test'),
        nodeId: parseNodeId(id),
        bootId: this.bootId,
      },
      dial: async (peer) => {
        this.dials += 1
        if (this.dialFails !== null) throw this.dialFails
        if (this.dialWaits !== null) await this.dialWaits
        return world.connect(peer, options.certificate ?? id)
      },
      refuses: (peer) => (this.refused?.peer === peer ? this.refused.error : null),
      scheduler: world.scheduler,
      random: random.stream(`${id} ${this.bootId}`),
      logger: { ...silentLogger, warn: (fields) => void this.logged.push(fields) },
      options: streamsOptions.parse(options.streams ?? {}),
    })
    this.table.onSession = (session) => this.#adopt(session)
    this.table.onHeard = (peer) => this.heard.push(peer)
  }

  get session(): Session {
    const last = this.sessions.at(-1)
    if (last === undefined) throw new Error(`${this.id} has no session`)
    return last
  }

  /** The connection that carries the last session. */
  get connection(): FakeConnection {
    const { carriage } = this.session
    if (carriage === null) throw new Error(`${this.id} has no connection`)
    return carriage.connection as unknown as FakeConnection
  }

  ensure(peer: string): Promise<Session> {
    return this.table.ensure(parseNodeId(peer))
  }

  close(): Promise<void> {
    return this.table.close()
  }

  accept(connection: FakeConnection): void {
    if (this.#world.holds) this.#world.held.push(() => this.table.accept(connection))
    else this.table.accept(connection)
  }

  #adopt(session: Session): void {
    this.sessions.push(session)
    session.handler = {
      control: (type, bytes, start, end) => {
        this.control.push(`${type} ${textOf(bytes, start, end)}`)
      },
      lane: (lane) => {
        if (!this.takesLanes) return
        const heard: HeardLane = { lane, bodies: [], ended: false, closed: false }
        this.lanes.push(heard)
        lane.receiver = {
          frame: (type, sequence, bytes, start, end) => {
            heard.bodies.push(`${type}/${sequence} ${textOf(bytes, start, end)}`)
          },
          ended: () => {
            heard.ended = true
          },
          closed: () => {
            heard.closed = true
          },
        }
      },
      idle: () => this.isIdle,
      closed: (error, unknown) => {
        this.endings.push(error)
        this.unknown.push(...unknown)
      },
    }
  }
}

export interface TestNodeOptions {
  readonly cluster?: string
  /** Whom the node's certificate names; '' for a role. */
  readonly certificate?: string
  readonly streams?: Partial<StreamsOptions>
}

/** Nodes that reach each other in memory; time stands still unless the test moves it. */
export class TestWorld {
  readonly scheduler: SimulatedScheduler = simulatedScheduler({ turns: 'real' })
  readonly wire: Wire = perfectWire()
  readonly nodes: Map<string, TestNode> = new Map()
  readonly connections: FakeConnection[] = []
  /** Accepted connections wait in `held`. */
  holds = false
  readonly held: (() => void)[] = []

  node(id: string, options: TestNodeOptions = {}): TestNode {
    const node = new TestNode(this, id, options)
    this.nodes.set(id, node)
    return node
  }

  connect(to: string, certificate: string): FakeConnection {
    const acceptor = this.nodes.get(to)
    if (acceptor === undefined) throw new Error(`nobody is ${to}`)
    const [near, far] = connectionPair(certificate, to, this.wire)
    this.connections.push(near, far)
    setImmediate(() => acceptor.accept(far))
    return near
  }
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString()
}

/** Writes one frame of the layer above. */
export function write(session: Session, lane: ReturnType<Session['openLane']>, text: string): void {
  const body = Buffer.from(text)
  const at =
    lane === session.control
      ? session.controlFrame(0x90, body.length)
      : lane.frame(0x90, 0, body.length)
  lane.buffer.set(body, at)
}

export async function until(condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { timeout: 15_000, interval: 1 })
}

/** Lets everything happen that needs no time to pass. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Lets time pass until something holds. */
export async function untilLater(
  { scheduler }: TestWorld,
  condition: () => boolean,
): Promise<void> {
  for (let step = 0; step < 2_000 && !condition(); step++) {
    scheduler.runFor(5)
    await settle()
  }
  expect(condition()).toBe(true)
}

/** Lets time pass, with turns of the event loop in between. */
export async function pass({ scheduler }: TestWorld, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    scheduler.runFor(50)
    await settle()
  }
}

/** Two nodes with a session. */
export async function connected(
  options: TestNodeOptions = {},
): Promise<{ world: TestWorld; a: TestNode; b: TestNode }> {
  const world = new TestWorld()
  const [a, b] = [world.node('a', options), world.node('b', options)]
  await a.ensure('b')
  await until(() => b.sessions.length === 1)
  await settle()
  return { world, a, b }
}
