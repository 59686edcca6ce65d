import {
  type BootId,
  type NodosumError,
  newBootId,
  parseClusterName,
  parseNodeId,
  type Random,
  silentLogger,
} from '@nodosum/kernel'
import {
  type IncomingLane,
  type OutgoingLane,
  type Session,
  SessionTable,
  type StreamsOptions,
} from '@nodosum/streams'
import type { SimulatedMesh, SimulatedScheduler, SimulatedTransport } from '@nodosum/testkit'
import { readMessage, type SessionChecks, sizeOf, writeMessage } from './session-checks.ts'

type Rules = NonNullable<ConstructorParameters<typeof SessionTable>[1]>

/** What all nodes of one run share. */
export interface SessionWorld {
  readonly scheduler: SimulatedScheduler
  readonly mesh: SimulatedMesh
  readonly checks: SessionChecks
  readonly options: StreamsOptions
  readonly rules?: Rules
  /** Where the process of this name is now. */
  readonly addressOf: (name: string) => { host: string; port: number }
  /** Whether something has happened that may end a session of these two. */
  readonly mayEnd: (one: string, other: string) => boolean
}

const lanes = ['one', 'two', 'three']
/** Lanes that close after less are closed when a run is looked at. */
const settledMs = 10_000
/** Lanes are interactive unless said here. */
const classes: Readonly<Record<string, 'bulk' | 'scheduled'>> = { two: 'bulk', three: 'scheduled' }
/** Those and one for probes. */
const lanesMax = lanes.length + 1
/** A limit may be passed by the message that was begun below it. */
const messageBytesMax = 210_000
/** Types of the layer above. */
const laneType = 0x90
const controlType = 0x91

/** One process that sends to others and checks what it gets. */
export class SessionNode {
  readonly name: string
  readonly bootId: BootId
  readonly table: SessionTable
  readonly transport: SimulatedTransport
  isDead = false
  /** Sends no more. */
  isQuiet = false
  readonly #host: string
  readonly #world: SessionWorld
  readonly #random: Random
  readonly #outgoing = new Map<Session, Map<string, OutgoingLane>>()
  readonly #incoming = new Map<Session, IncomingLane[]>()
  readonly #ids = new Map<Session, string>()
  readonly #paused = new Set<IncomingLane>()

  constructor(
    world: SessionWorld,
    name: string,
    address: { host: string; port: number },
    random: Random,
  ) {
    this.name = name
    this.#host = address.host
    this.#world = world
    this.#random = random
    this.bootId = newBootId(random.stream('boot'))
    this.transport = world.mesh.transport({
      address,
      certificate: {
        uri: `spiffe://test/nodosum/test/${name}`,
        authority: 'test',
        notAfterMs: Number.MAX_SAFE_INTEGER,
      },
      authority: 'test',
      limits: { idleTimeoutMs: 4_000, keepAliveMs: 1_000, connectTimeoutMs: 2_000 },
    })
    this.table = new SessionTable(
      {
        self: { cluster: parseClusterName('test'), nodeId: parseNodeId(name), bootId: this.bootId },
        dial: (peer, { signal }) => this.transport.connect(world.addressOf(peer), { signal }),
        scheduler: world.scheduler,
        random: random.stream('sessions'),
        logger: silentLogger,
        options: world.options,
      },
      world.rules,
    )
    this.table.onSession = (session) => this.#adopt(session)
    this.table.onAttached = (session) => {
      const before = this.#ids.get(session)
      const mine = `${name}.${this.bootId.slice(0, 4)}>`
      if (before !== undefined) world.checks.renamed(mine, before, session.id)
      this.#ids.set(session, session.id)
    }
    void this.transport.listen((connection) => this.table.accept(connection))
  }

  /** Messages to somebody on a few lanes and the control stream. */
  send(to: string, burst: number): void {
    if (this.isDead || this.isQuiet) return
    const session = this.table.get(parseNodeId(to))
    if (session === null || session.closed) return this.connect(to)
    const { checks } = this.#world
    for (let count = 0; count < burst; count++) {
      if (this.#random.integer(0, 9) === 0) {
        const stream = this.#stream(session, 'control')
        const number = checks.next(stream)
        if (session.controlIsLate) continue
        const at = session.controlFrame(controlType, sizeOf(number))
        writeMessage(session.control.buffer, at, number)
        checks.sent(stream)
        continue
      }
      this.#write(session, this.#random.pick(lanes) ?? '')
    }
    this.#checkMemory(session)
  }

  /** The next message of a lane; its number, or null when it has no room. */
  #write(session: Session, name: string): number | null {
    const { checks } = this.#world
    let lane: OutgoingLane
    try {
      lane = this.#lane(session, name)
    } catch {
      // The connection has just died; another one comes.
      return null
    }
    const stream = this.#stream(session, name)
    const number = checks.next(stream)
    if (!lane.hasRoom(sizeOf(number))) return null
    const at = lane.frame(laneType, 0, sizeOf(number))
    writeMessage(lane.buffer, at, number)
    checks.sent(stream)
    return number
  }

  /** Writes to these lanes until they have no room. */
  fill(to: string, names: readonly string[]): void {
    const session = this.table.get(parseNodeId(to))
    if (session === null || session.closed) return this.connect(to)
    for (const name of names) while (this.#write(session, name) !== null);
    this.#checkMemory(session)
  }

  /** One small message; its number, or null when it has no room. */
  probe(to: string): number | null {
    const session = this.table.get(parseNodeId(to))
    return session === null || session.closed ? null : this.#write(session, 'probe')
  }

  connect(to: string): void {
    this.table.ensure(parseNodeId(to)).catch(() => undefined)
  }

  /** Dials another connection and goes on over it. */
  async replace(to: string): Promise<void> {
    const session = this.table.get(parseNodeId(to))
    if (session === null || this.isDead) return
    try {
      const connection = await this.transport.connect(this.#world.addressOf(to))
      const isTaken = await this.table.moveTo(session, connection)
      if (isTaken) this.#world.checks.replaced += 1
      else await connection.close({ reason: 'not needed' })
    } catch {
      // The path is broken: the session goes on over what it has.
    }
  }

  /** Every lane that comes in stops, or goes on. */
  pauseOrResume(forMs: number): void {
    for (const session of this.#outgoing.keys()) {
      for (const lane of this.#incomingOf(session)) {
        if (this.#paused.has(lane)) continue
        this.#paused.add(lane)
        lane.pause()
        this.#world.scheduler.after(forMs, () => {
          this.#paused.delete(lane)
          if (!this.isDead) lane.resume()
        })
      }
    }
  }

  /** The process dies: it says nothing more, and nothing that it has counts. */
  kill(): void {
    this.isDead = true
    this.#world.mesh.isolate(this.#host)
  }

  /** After the node has closed. */
  checkReturned(): void {
    const { buffered, granted } = this.table.budgets
    if (buffered.bytes === 0 && granted.bytes === 0) return
    const detail = `${this.name} counts ${buffered.bytes} bytes as kept and ${granted.bytes} as granted`
    this.#world.checks.violated('budgets get back what they gave', detail)
  }

  /** At the end of a run. */
  checkSettled(): void {
    const { checks, options } = this.#world
    this.#checkBudgets(true)
    for (const [session, outgoing] of this.#outgoing) {
      for (const name of [...outgoing.keys(), 'control']) {
        checks.settled(this.#stream(session, name))
      }
      if (session.bufferedBytes > 0) {
        const detail = `${this.name} keeps ${session.bufferedBytes} bytes for ${session.peer}`
        checks.violated('everything is acknowledged in the end', detail)
      }
      if (session.carriage === null) {
        const detail = `${this.name} has no connection to ${session.peer}`
        checks.violated('a session finds its next connection', detail)
      }
      const isIdleLong = options.laneIdleMs < settledMs
      if (isIdleLong && session.carriage !== null && session.lanes > 0) {
        const detail = `${this.name} has ${session.lanes} lanes with ${session.peer}`
        checks.violated('idle lanes are closed', detail)
      }
      this.#checkMemory(session)
    }
  }

  #incomingOf(session: Session): readonly IncomingLane[] {
    return this.#incoming.get(session) ?? []
  }

  #adopt(session: Session): void {
    const { checks } = this.#world
    this.#outgoing.set(session, new Map())
    this.#ids.set(session, session.id)
    const incoming: IncomingLane[] = []
    this.#incoming.set(session, incoming)
    const got = (name: string, bytes: Uint8Array, start: number, end: number): void => {
      if (this.isDead) return
      checks.arrived(this.#stream(session, name, false), readMessage(bytes, start, end))
    }
    session.handler = {
      control: (_type, bytes, start, end) => got('control', bytes, start, end),
      lane: (lane) => {
        incoming.push(lane)
        lane.receiver = {
          frame: (_type, _sequence, bytes, start, end) => got(lane.name, bytes, start, end),
          closed: () => undefined,
        }
      },
      idle: () => true,
      closed: (error, unknown) => this.#closed(session, error, unknown),
    }
  }

  #closed(session: Session, error: NodosumError, unknown: readonly { stream: number }[]): void {
    const outgoing = this.#outgoing.get(session)
    this.#outgoing.delete(session)
    this.#incoming.delete(session)
    this.#ids.delete(session)
    if (this.isDead || outgoing === undefined) return
    const { checks, mayEnd } = this.#world
    if (!mayEnd(this.name, session.peer) || error.code === 'ERR_NODOSUM_DECODE_FAILED') {
      const detail = `${this.name} and ${session.peer}: ${error.code}: ${error.message}`
      checks.violated('a session ends for a reason', detail)
    }
    const reported = new Set(unknown.map(({ stream }) => stream))
    checks.ended(this.#stream(session, 'control'), reported.has(0))
    for (const [name, { stream }] of outgoing) {
      checks.ended(this.#stream(session, name), reported.has(stream))
    }
  }

  #lane(session: Session, name: string): OutgoingLane {
    const outgoing = this.#outgoing.get(session) as Map<string, OutgoingLane>
    const present = outgoing.get(name)
    if (present !== undefined && !present.closed) return present
    const lane = session.openLane('messages', 'app', name, classes[name] ?? 'interactive')
    outgoing.set(name, lane)
    // Now and then something is expected of the peer, as a confirmation is.
    let isIdle = true
    const expect = (): void => {
      isIdle = false
      this.#world.scheduler.after(this.#random.integer(1, 300), () => {
        isIdle = true
      })
    }
    if (this.#random.integer(0, 2) === 0) expect()
    lane.owner = {
      get isIdle() {
        return isIdle
      },
      closed: (refusal) => {
        const { checks } = this.#world
        if (isIdle && refusal === null) checks.closedLanes += this.isQuiet ? 0 : 1
        else {
          const what = refusal === null ? 'while its owner waited' : `as ${refusal.code}`
          const detail = `${this.name}: lane ${lane.stream} ${name} was closed ${what}`
          checks.violated('a lane is closed when it is idle', detail)
        }
      },
    }
    return lane
  }

  /** What the checks call a stream: its session, its direction, its name. */
  #stream(session: Session, name: string, isOutgoing = true): string {
    const [from, to] = isOutgoing ? [this.name, session.peer] : [session.peer, this.name]
    const [fromBoot, toBoot] = isOutgoing
      ? [this.bootId, session.peerBootId]
      : [session.peerBootId, this.bootId]
    return `${from}.${fromBoot.slice(0, 4)}>${to}.${toBoot.slice(0, 4)} ${session.id}/${name}`
  }

  /** What the node counts is what its sessions have, and below its limits. */
  #checkBudgets(isSettled: boolean): void {
    const { options, checks } = this.#world
    const { buffered, granted } = this.table.budgets
    let kept = 0
    let keptMax = options.nodeBufferBytesMax
    let grantedMax = options.nodeWindowBytes
    for (const [session, outgoing] of this.#outgoing) {
      kept += session.bufferedBytes
      // Each lane keeps its minimum, and a message that was begun below the limit.
      keptMax += outgoing.size * (65_536 + messageBytesMax) + session.control.bufferedBytes
      grantedMax += this.#incomingOf(session).length * (131_072 + messageBytesMax)
    }
    if (isSettled && kept !== buffered.bytes) {
      const detail = `${this.name} keeps ${kept} bytes and counts ${buffered.bytes}`
      checks.violated('budgets get back what they gave', detail)
    }
    if (buffered.bytes > keptMax || granted.bytes > grantedMax) {
      const detail = `${this.name} keeps ${buffered.bytes} bytes and has granted ${granted.bytes}`
      checks.violated('memory is bounded', detail)
    }
  }

  #checkMemory(session: Session): void {
    this.#checkBudgets(false)
    const { options, checks } = this.#world
    const kept = session.bufferedBytes - session.control.bufferedBytes
    const keptMax = lanesMax * (options.laneBufferBytesMax + messageBytesMax)
    if (kept > keptMax) {
      checks.violated('memory is bounded', `${this.name} keeps ${kept} bytes, over ${keptMax}`)
    }
    const heldMax =
      lanesMax * (options.laneWindowBytes + 131_200 + messageBytesMax) + messageBytesMax
    const held = session.heldBytes
    if (held > heldMax) {
      checks.violated('memory is bounded', `${this.name} holds ${held} bytes, over ${heldMax}`)
    }
  }
}
