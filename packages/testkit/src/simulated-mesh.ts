import { NodosumError, type Random, type Scheduler } from '@nodosum/kernel'
import { type LinkPath, type PathQuality, type Segment, SimulatedLink } from './simulated-link.ts'
import { SimulatedTransport, type SimulatedTransportOptions } from './simulated-transport.ts'
import type { HostPort } from './transport-shapes.ts'

/** What the paths have done: a test of a fault should see that the fault happened. */
export interface MeshCounters {
  /** Segments that had to be sent again. */
  lost: number
  /** Times that one direction of a connection stood still. */
  stalls: number
  /** Connections whose path broke under them. */
  broken: number
  /** Dials of addresses where nobody listens, or where there was no place. */
  unanswered: number
}

const clean: PathQuality = {
  delayMs: 1,
  jitterMs: 0,
  loss: 0,
  resendMs: 50,
  stallRate: 0,
  stallMs: 0,
  bytesPerMs: Number.POSITIVE_INFINITY,
  segmentBytesMax: 65_536,
  breakAfterBytes: Number.POSITIVE_INFINITY,
}

/** A path as unkind as the worst that a cluster should live with. */
export const unkindPath: Readonly<PathQuality> = {
  delayMs: 50,
  jitterMs: 40,
  loss: 0.02,
  resendMs: 200,
  stallRate: 0.001,
  stallMs: 400,
  bytesPerMs: Number.POSITIVE_INFINITY,
  segmentBytesMax: 1_400,
  breakAfterBytes: Number.POSITIVE_INFINITY,
}

/**
 * Where simulated transports meet: connections instead of packets, reliable and late. The same seed
 * gives the same run.
 *
 * @param options.quality default: 1 ms, nothing lost, segments of up to 64 KiB
 */
export function simulatedMesh(options: {
  scheduler: Scheduler
  random: Random
  quality?: Partial<PathQuality>
}): SimulatedMesh {
  return new SimulatedMesh(options.scheduler, options.random, options.quality ?? {})
}

export class SimulatedMesh implements LinkPath {
  quality: PathQuality
  readonly counters: MeshCounters = { lost: 0, stalls: 0, broken: 0, unanswered: 0 }
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #transports = new Map<string, SimulatedTransport>()
  readonly #links = new Set<SimulatedLink>()
  readonly #cuts = new Set<string>()
  readonly #isolated = new Set<string>()
  readonly #paused = new Set<string>()
  #made = 0

  constructor(scheduler: Scheduler, random: Random, quality: Partial<PathQuality>) {
    this.#scheduler = scheduler
    this.#random = random
    this.quality = { ...clean, ...quality }
  }

  /**
   * A transport at an address of its own.
   *
   * @throws ERR_NODOSUM_LISTEN_FAILED when the address is taken
   */
  transport(options: SimulatedTransportOptions): SimulatedTransport {
    const key = keyOf(options.address)
    if (this.#transports.has(key)) {
      const message = `cannot bind ${options.address.host} port ${options.address.port}: it is taken`
      throw new NodosumError('ERR_NODOSUM_LISTEN_FAILED', message)
    }
    const { scheduler = this.#scheduler } = options
    const parts = { scheduler, random: this.#random.stream(`node ${key}`) }
    const transport = new SimulatedTransport(this, parts, options)
    this.#transports.set(key, transport)
    return transport
  }

  /** Changes the paths, for what is sent from now on. */
  setQuality(quality: Partial<PathQuality>): void {
    this.quality = { ...this.quality, ...quality }
  }

  /** From now on nothing passes from one host to another, in this direction only. */
  cut(fromHost: string, toHost: string): void {
    this.#cuts.add(`${fromHost}>${toHost}`)
  }

  /** From now on nothing reaches this host and nothing leaves it. */
  isolate(host: string): void {
    this.#isolated.add(host)
  }

  /** From now on a process stands still: what comes waits until it is resumed. */
  pause(host: string): void {
    this.#paused.add(host)
  }

  /** Ends a `pause`; what waited arrives. */
  resume(host: string): void {
    if (this.#paused.delete(host)) this.#retry()
  }

  /** Undoes every `cut` and `isolate`; what waited goes on its way. */
  heal(): void {
    this.#cuts.clear()
    this.#isolated.clear()
    this.#retry()
  }

  #retry(): void {
    for (const link of this.#links) link.retry()
  }

  /** Breaks the path under every connection, and both ends hear of it. */
  breakConnections(): void {
    for (const link of this.#links) link.break()
    this.#links.clear()
  }

  reaches(from: HostPort, to: HostPort): boolean {
    if (this.#isolated.has(from.host) || this.#isolated.has(to.host)) return false
    return !this.#paused.has(to.host) && !this.#cuts.has(`${from.host}>${to.host}`)
  }

  /** The carriage of a new connection; whoever listens at the other end is found when it arrives. */
  link(from: HostPort, to: HostPort): SimulatedLink {
    this.#made += 1
    const random = this.#random.stream(`link ${this.#made}`)
    const link = new SimulatedLink(this, this.#scheduler, random, [from, to])
    for (const old of this.#links) if (old.isDetached) this.#links.delete(old)
    this.#links.add(link)
    link.attach(1, {
      receive: (segment, sentMs) => this.#arrive(link, from, to, segment, sentMs),
      broken: () => {},
    })
    return link
  }

  /** The address is free again. */
  detach(address: HostPort): void {
    this.#transports.delete(keyOf(address))
  }

  #arrive(link: SimulatedLink, from: HostPort, to: HostPort, segment: Segment, ms: number): void {
    const connection = this.#transports.get(keyOf(to))?.accept(link, from) ?? null
    if (connection === null) {
      this.counters.unanswered += 1
      link.attach(1, null)
    } else {
      connection.receive(segment, ms)
    }
  }
}

function keyOf({ host, port }: HostPort): string {
  return `${host}:${port}`
}
