import { BoundedMap } from '@nodosum/kernel'
import { type Address, formatAddress } from '../address.ts'
import {
  type Direction,
  directions,
  type PerDirection,
  perfectUdp,
  type UdpFaults,
} from '../core/faults.ts'
import { PacketFaults } from '../core/packet-faults.ts'
import { PacketQueue } from '../core/packet-queue.ts'
import type { UdpLimits } from '../limit-options.ts'
import type { DatagramSocket, DatagramSockets } from '../ports.ts'
import { Alarm } from './alarm.ts'
import { FaultProxy, type ProxySetup } from './fault-proxy.ts'

/** One client address, and the socket that stands for it before the upstream. */
interface Session {
  readonly key: string
  readonly client: Address
  readonly socket: DatagramSocket
  usedAtMs: number
  underWay: number
  /** The latest arrival that has left, by direction: what leaves after it and came before it was overtaken. */
  readonly latest: { [D in Direction]: number }
}

/** How often unused sessions are looked for, as a part of their idle time. */
const sweepsPerIdleTime = 4

/**
 * Forwards datagrams between any number of clients and one upstream address. Each client has an
 * upstream socket of its own, so that source addresses stay distinct.
 */
export class UdpProxy extends FaultProxy<UdpFaults> {
  readonly #limits: UdpLimits
  readonly #sockets: DatagramSockets
  readonly #sessions: BoundedMap<string, Session>
  readonly #decisions: PerDirection<PacketFaults>
  readonly #queues: PerDirection<PacketQueue<Session>>
  readonly #alarms: PerDirection<Alarm>
  readonly #sweep: Alarm
  readonly #arrivals = { forward: 0, backward: 0 }
  #socket: DatagramSocket | undefined
  #closing: Promise<void> | undefined

  private constructor(
    setup: Omit<ProxySetup<UdpFaults>, 'protocol' | 'perfect'>,
    limits: UdpLimits,
    sockets: DatagramSockets,
  ) {
    super({ ...setup, protocol: 'udp', perfect: perfectUdp })
    this.#limits = limits
    this.#sockets = sockets
    this.#sessions = new BoundedMap(limits.sessionsMax)
    const bounds = { packetsMax: limits.queuePacketsMax, bytesMax: limits.queueBytesMax }
    const each = <T>(make: (direction: Direction) => T): PerDirection<T> => ({
      forward: make('forward'),
      backward: make('backward'),
    })
    this.#decisions = each((one) => new PacketFaults(this.random.stream(one), this.tallies[one]))
    this.#queues = each(() => new PacketQueue(bounds))
    this.#alarms = each((one) => new Alarm(this.scheduler, () => this.#release(one)))
    this.#sweep = new Alarm(this.scheduler, () => this.#forgetIdle())
  }

  /** @throws ERR_NODOSUM_CONFIG_INVALID, or ERR_NODOSUM_LISTEN_FAILED */
  static async start(
    setup: Omit<ProxySetup<UdpFaults>, 'protocol' | 'perfect'>,
    limits: UdpLimits,
    sockets: DatagramSockets,
    listen: Address,
  ): Promise<UdpProxy> {
    const proxy = new UdpProxy(setup, limits, sockets)
    proxy.#socket = await sockets.listen(listen, (bytes, from) => proxy.#fromClient(bytes, from))
    return proxy
  }

  get address(): Address {
    return (this.#socket as DatagramSocket).address
  }

  /** Clients it knows now. */
  get sessions(): number {
    return this.#sessions.size
  }

  /** Datagrams that are under way now. */
  get underWay(): PerDirection<number> {
    return { forward: this.#queues.forward.packets, backward: this.#queues.backward.packets }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  protected changed(): void {
    for (const direction of directions) this.#release(direction)
  }

  #fromClient(bytes: Uint8Array, from: Address): void {
    if (this.#closing !== undefined) return
    const key = formatAddress(from)
    const session = this.#sessions.get(key) ?? this.#newSession(key, from)
    if (session !== undefined) return this.#take('forward', session, bytes)
    this.tallies.forward.received += 1
    this.tallies.forward.receivedBytes += bytes.length
    this.tallies.forward.overflow += 1
  }

  #newSession(key: string, client: Address): Session | undefined {
    if (this.#sessions.isFull) return undefined
    const socket = this.#sockets.open(this.to, (bytes, from) => {
      const isUpstream = from.port === this.to.port && from.host === this.to.host
      if (isUpstream && this.#closing === undefined) this.#take('backward', session, bytes)
    })
    const usedAtMs = this.scheduler.nowMs()
    const latest = { forward: -1, backward: -1 }
    const session: Session = { key, client, socket, usedAtMs, underWay: 0, latest }
    this.#sessions.set(key, session)
    if (this.#sessions.size === 1) this.#armSweep()
    return session
  }

  #take(direction: Direction, session: Session, bytes: Uint8Array): void {
    const nowMs = this.scheduler.nowMs()
    const tally = this.tallies[direction]
    const arrival = this.#arrivals[direction]++
    tally.received += 1
    tally.receivedBytes += bytes.length
    session.usedAtMs = nowMs
    const departures = this.#decisions[direction].decide(nowMs, bytes, this.faults[direction])
    for (const departure of departures) {
      if (!this.#queues[direction].offer({ ...departure, arrival, lane: session })) {
        tally.overflow += 1
      } else session.underWay += 1
    }
    this.#release(direction)
  }

  /** Sends what is due, and sets the alarm for the rest. */
  #release(direction: Direction): void {
    const queue = this.#queues[direction]
    if (this.faults[direction].stall) return this.#alarms[direction].arm(undefined)
    const nowMs = this.scheduler.nowMs()
    for (let next = queue.poll(nowMs); next !== undefined; next = queue.poll(nowMs)) {
      const { lane: session, arrival, bytes } = next
      session.underWay -= 1
      session.usedAtMs = nowMs
      if (arrival < session.latest[direction]) this.tallies[direction].overtaken += 1
      else session.latest[direction] = arrival
      this.#send(direction, session, bytes)
    }
    this.#alarms[direction].arm(queue.nextAtMs)
  }

  #send(direction: Direction, session: Session, bytes: Uint8Array): void {
    const tally = this.tallies[direction]
    const sent = (isTaken: boolean): void => {
      if (!isTaken) tally.failed += 1
      else {
        tally.delivered += 1
        tally.deliveredBytes += bytes.length
      }
    }
    if (direction === 'forward') session.socket.send(bytes, this.to, sent)
    else this.#socket?.send(bytes, session.client, sent)
  }

  #armSweep(): void {
    this.#sweep.arm(this.scheduler.nowMs() + this.#limits.sessionIdleMs / sweepsPerIdleTime)
  }

  #forgetIdle(): void {
    const idleSinceMs = this.scheduler.nowMs() - this.#limits.sessionIdleMs
    for (const session of this.#sessions.values()) {
      if (session.underWay > 0 || session.usedAtMs > idleSinceMs) continue
      this.#sessions.delete(session.key)
      void session.socket.close()
    }
    if (this.#sessions.size > 0) this.#armSweep()
  }

  async #close(): Promise<void> {
    this.#sweep.arm(undefined)
    for (const direction of directions) {
      this.#alarms[direction].arm(undefined)
      const queue = this.#queues[direction]
      this.tallies[direction].discarded += queue.packets
      this.tallies[direction].discardedBytes += queue.bytes
      queue.clear()
    }
    const open = [...this.#sessions.values()].map(({ socket }) => socket.close())
    this.#sessions.clear()
    await Promise.all([...open, this.#socket?.close()])
  }
}
