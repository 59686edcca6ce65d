import {
  newBootId,
  parseClusterName,
  parseNodeId,
  type Scheduler,
  silentLogger,
} from '@nodosum/kernel'
import { systemRandom } from '@nodosum/kernel/node'
import { type OutgoingLane, type Session, SessionTable, streamsOptions } from '@nodosum/streams'
import type { ConformanceNode } from '@nodosum/transport/conformance'
import { harnessOf, type TransportKind } from './conformance/transports.ts'

/** What a run is to do. */
export interface ReplacementRun {
  readonly transport: TransportKind
  /** Messages in all, in both directions together. */
  readonly messages: number
  /** How often the connection is replaced; every fourth time it is broken instead. */
  readonly everyMs: number
}

/** What came of it, counted apart from the code under test. */
export interface ReplacementBooks {
  readonly sent: number
  readonly received: number
  /** Messages that came out of order, twice, or with other bytes than were sent. */
  readonly wrong: number
  readonly replaced: number
  readonly broken: number
  /** Sessions that ended. */
  readonly ended: readonly string[]
  readonly seconds: number
}

const messageBytes = 128
const frameType = 0x90
const lanes = ['one', 'two']
/** Messages that one lane writes in one turn of the event loop. */
const burst = 500
/** How long nothing may arrive. */
const patienceMs = 60_000

/**
 * Two nodes send to each other over real connections, which are replaced and broken under the load.
 * Resolves when everything has arrived, or nothing has for a minute.
 */
export async function replaceConnections(run: ReplacementRun): Promise<ReplacementBooks> {
  const { harness, remove } = harnessOf(run.transport)
  const { scheduler } = harness
  const [first, second] = [
    await harness.start({ name: 'first' }),
    await harness.start({ name: 'second' }),
  ]
  const ends = [
    new End('first', first, second, scheduler),
    new End('second', second, first, scheduler),
  ]
  const startedMs = scheduler.nowMs()
  try {
    for (const end of ends) await end.listen()
    await (ends[0] as End).table.ensure(parseNodeId('second'))
    for (const end of ends) end.quota = Math.floor(run.messages / 2)
    const replacements = new Replacements(ends, run.everyMs, scheduler)
    await new Promise<void>((resolve) => {
      let [before, sinceMs] = [0, startedMs]
      const look = (): void => {
        for (const end of ends) end.write()
        const received = ends.reduce((sum, end) => sum + end.received, 0)
        if (received !== before) [before, sinceMs] = [received, scheduler.nowMs()]
        const isOver = received >= Math.floor(run.messages / 2) * 2
        if (isOver || scheduler.nowMs() - sinceMs > patienceMs) resolve()
        else if (ends.some((end) => end.hasRoom)) scheduler.immediate(look)
        else scheduler.after(1, look)
      }
      look()
    })
    await replacements.stop()
    const sum = (of: (end: End) => number): number =>
      ends.reduce((total, end) => total + of(end), 0)
    return {
      sent: sum(({ sent }) => sent),
      received: sum(({ received }) => received),
      wrong: sum(({ wrong }) => wrong),
      replaced: replacements.replaced,
      broken: replacements.broken,
      ended: ends.flatMap(({ ended }) => ended),
      seconds: (scheduler.nowMs() - startedMs) / 1_000,
    }
  } finally {
    for (const end of ends) await end.table.close()
    for (const node of [first, second]) await node.close()
    remove()
  }
}

/** One node that writes and reads. */
class End {
  readonly table: SessionTable
  readonly ended: string[] = []
  quota = 0
  sent = 0
  received = 0
  wrong = 0
  hasRoom = true
  readonly #node: ConformanceNode
  readonly #outgoing: { lane: OutgoingLane; number: number }[] = []
  readonly other: ConformanceNode

  constructor(name: string, node: ConformanceNode, other: ConformanceNode, scheduler: Scheduler) {
    this.#node = node
    this.other = other
    const random = systemRandom()
    this.table = new SessionTable({
      self: {
        cluster: parseClusterName('test'),
        nodeId: parseNodeId(name),
        bootId: newBootId(random),
      },
      dial: (_peer, { signal }) => node.transport.connect(other.address, { signal }),
      scheduler,
      random,
      logger: silentLogger,
      options: streamsOptions.defaults(),
    })
    this.table.onSession = (session) => this.#adopt(session)
  }

  get session(): Session | undefined {
    return [...this.table.sessions()][0]
  }

  async listen(): Promise<void> {
    await this.#node.transport.listen((connection) => this.table.accept(connection))
  }

  /** Dials another connection and goes on over it. */
  async replace(): Promise<boolean> {
    const { session } = this
    if (session === undefined) return false
    const connection = await this.#node.transport.connect(this.other.address)
    if (await this.table.moveTo(session, connection)) return true
    await connection.close()
    return false
  }

  /** The connection is gone in the middle of whatever. */
  break(): boolean {
    const connection = this.session?.carriage?.connection
    void connection?.close({ code: 1, reason: 'broken on purpose' })
    return connection !== undefined
  }

  /** Writes as much as there is room for, in one turn. */
  write(): void {
    this.hasRoom = false
    for (const each of this.#outgoing) {
      for (let count = 0; count < burst && this.sent < this.quota; count++) {
        if (!each.lane.hasRoom(messageBytes)) break
        each.number += 1
        this.sent += 1
        const at = each.lane.frame(frameType, 0, messageBytes)
        fill(each.lane.buffer, at, each.number)
        this.hasRoom = this.sent < this.quota
      }
    }
  }

  #adopt(session: Session): void {
    session.handler = {
      control: () => undefined,
      idle: () => true,
      closed: ({ code, message }) => {
        if (code !== 'ERR_NODOSUM_SHUT_DOWN') this.ended.push(`${code}: ${message}`)
      },
      lane: (lane) => {
        let expected = 1
        lane.receiver = {
          frame: (_type, _sequence, bytes, start, end) => {
            this.received += 1
            if (!isFilled(bytes, start, end, expected++)) this.wrong += 1
          },
          closed: () => undefined,
        }
      },
    }
    for (const name of lanes) {
      const lane = session.openLane('messages', 'chaos', name)
      lane.owner = { isIdle: false, closed: () => undefined }
      this.#outgoing.push({ lane, number: 0 })
    }
  }
}

/** Replaces the connection from either end in turn, and breaks it now and then. */
class Replacements {
  replaced = 0
  broken = 0
  readonly #ends: readonly End[]
  readonly #everyMs: number
  readonly #scheduler: Scheduler
  #isOver = false
  #running: Promise<void>

  constructor(ends: readonly End[], everyMs: number, scheduler: Scheduler) {
    this.#ends = ends
    this.#everyMs = everyMs
    this.#scheduler = scheduler
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#running
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#isOver; turn++) {
      await new Promise<void>((resolve) => void this.#scheduler.after(this.#everyMs, resolve))
      const [one, other] = turn % 2 === 0 ? this.#ends : this.#ends.toReversed()
      if (this.#isOver || one === undefined || other === undefined) return
      if (turn % 4 === 3) {
        if (one.break()) this.broken += 1
        continue
      }
      // Every fourth time both ends do it at the same moment.
      const all = turn % 4 === 2 ? [one, other] : [one]
      const moves = await Promise.all(all.map((end) => end.replace().catch(() => false)))
      if (moves.includes(true)) this.replaced += 1
    }
  }
}

/** A number, bytes that follow from it, and their sum. */
function fill(buffer: Uint8Array, at: number, number: number): void {
  let sum = 0
  let state = number
  for (let index = 0; index < messageBytes - 4; index++) {
    const byte = index < 4 ? (number >>> (8 * index)) & 0xff : state & 0xff
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    sum = (Math.imul(sum, 31) + byte) >>> 0
    buffer[at + index] = byte
  }
  for (let index = 0; index < 4; index++) {
    buffer[at + messageBytes - 4 + index] = (sum >>> (8 * index)) & 0xff
  }
}

function isFilled(bytes: Uint8Array, start: number, end: number, number: number): boolean {
  if (end - start !== messageBytes) return false
  let sum = 0
  for (let at = start; at < end - 4; at++) sum = (Math.imul(sum, 31) + (bytes[at] as number)) >>> 0
  let found = 0
  let told = 0
  for (let index = 3; index >= 0; index--) {
    found = found * 256 + (bytes[start + index] as number)
    told = told * 256 + (bytes[end - 4 + index] as number)
  }
  return found === number && told === sum
}
