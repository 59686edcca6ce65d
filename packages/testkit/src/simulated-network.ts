import { invariant, type Random, type Scheduler } from '@nodosum/kernel'
import { LinkQualities, type LinkQuality } from './link-quality.ts'

/** Where a packet comes from or goes to. */
export interface SimulatedAddress {
  readonly host: string
  readonly port: number
}

/** What the network has done: a test of a fault should see that the fault happened. */
export interface NetworkCounters {
  readonly sent: number
  readonly sentBytes: number
  readonly delivered: number
  readonly lost: number
  readonly duplicated: number
  /** Held back, so that later packets overtake them. */
  readonly reordered: number
  readonly tooLarge: number
  /** Stopped by `cut` or `partition`. */
  readonly blocked: number
  /** Nobody is at the address they went to. */
  readonly unreachable: number
  /** Dropped because `packetsInFlightMax` were under way. */
  readonly overflowed: number
}

/** One end of the network; fits membership's packet port. */
export interface SimulatedPort {
  readonly address: SimulatedAddress
  onPacket: ((bytes: Uint8Array, from: SimulatedAddress) => void) | null
  send(bytes: Uint8Array, to: SimulatedAddress): void
  /** From now on nothing arrives and nothing leaves, as if the process were gone. */
  detach(): void
}

export interface SimulatedNetwork {
  readonly counters: NetworkCounters
  /** Sees each packet that is delivered, right before its receiver does. */
  onDelivery: ((bytes: Uint8Array, from: SimulatedAddress, to: SimulatedAddress) => void) | null
  /** A port at an address that nobody else uses. */
  attach(address: SimulatedAddress): SimulatedPort
  /** Changes the quality of the whole network, for packets that are sent from now on. */
  setQuality(quality: Partial<LinkQuality>): void
  /** Gives the link from one host to another, in this direction, its own quality; null takes it back. */
  setLink(from: string, to: string, quality: Partial<LinkQuality> | null): void
  /**
   * What packets meet that leave a host (`egress`) or enter it (`ingress`), in addition to the
   * quality of their link: losses multiply, delays add up. Null takes it back.
   */
  setHost(host: string, direction: 'egress' | 'ingress', quality: Partial<LinkQuality> | null): void
  /** Stops packets from one host to another, in this direction only. */
  cut(from: string, to: string): void
  /** Undoes one `cut` of this link; a link that was cut twice stays cut. */
  mend(from: string, to: string): void
  /**
   * Splits hosts into groups that do not reach each other; a host in no group reaches all. Replaces
   * the partition before it.
   *
   * @returns undoes this partition, unless another has replaced it
   */
  partition(...groups: readonly (readonly string[])[]): () => void
  /** Undoes every `cut` and `partition`. */
  heal(): void
}

/**
 * A network of packets on simulated time: unreliable as told, and the same again for one seed.
 *
 * @param options.packetsInFlightMax packets that are under way at once; further ones are dropped
 *   and counted; default 1,000,000
 */
export function simulatedNetwork(options: {
  scheduler: Scheduler
  random: Random
  quality?: Partial<LinkQuality>
  packetsInFlightMax?: number
}): SimulatedNetwork {
  const { scheduler, random, quality = {}, packetsInFlightMax = 1_000_000 } = options
  return new PacketNetwork(scheduler, random, quality, packetsInFlightMax)
}

class PacketNetwork implements SimulatedNetwork {
  readonly counters = {
    sent: 0,
    sentBytes: 0,
    delivered: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    tooLarge: 0,
    blocked: 0,
    unreachable: 0,
    overflowed: 0,
  }
  onDelivery: SimulatedNetwork['onDelivery'] = null
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #ports = new Map<string, Map<number, SimulatedPort>>()
  /** How often each link is cut. */
  readonly #cuts = new Map<string, number>()
  #groups: ReadonlyMap<string, number> = new Map()
  readonly #qualities: LinkQualities
  readonly #inFlightMax: number
  #inFlight = 0

  constructor(
    scheduler: Scheduler,
    random: Random,
    quality: Partial<LinkQuality>,
    inFlightMax: number,
  ) {
    this.#scheduler = scheduler
    this.#random = random
    this.#qualities = new LinkQualities(quality)
    this.#inFlightMax = inFlightMax
  }

  attach(address: SimulatedAddress): SimulatedPort {
    const { host, port: number } = address
    const ports = this.#ports.get(host) ?? new Map<number, SimulatedPort>()
    this.#ports.set(host, ports)
    invariant(!ports.has(number), `${host}:${number} is in use`)
    const port: SimulatedPort = {
      address,
      onPacket: null,
      send: (bytes, to) => {
        if (ports.get(number) === port) this.#send(bytes, address, to)
      },
      detach: () => {
        if (ports.get(number) === port) ports.delete(number)
      },
    }
    ports.set(number, port)
    return port
  }

  setQuality(quality: Partial<LinkQuality>): void {
    this.#qualities.setBase(quality)
  }

  setLink(from: string, to: string, quality: Partial<LinkQuality> | null): void {
    this.#qualities.setLink(from, to, quality)
  }

  setHost(
    host: string,
    direction: 'egress' | 'ingress',
    quality: Partial<LinkQuality> | null,
  ): void {
    this.#qualities.setHost(host, direction, quality)
  }

  cut(from: string, to: string): void {
    const link = `${from}>${to}`
    this.#cuts.set(link, (this.#cuts.get(link) ?? 0) + 1)
  }

  mend(from: string, to: string): void {
    const link = `${from}>${to}`
    const times = this.#cuts.get(link) ?? 0
    if (times > 1) this.#cuts.set(link, times - 1)
    else this.#cuts.delete(link)
  }

  partition(...groups: readonly (readonly string[])[]): () => void {
    const split = new Map<string, number>()
    for (const [index, hosts] of groups.entries()) {
      for (const host of hosts) split.set(host, index)
    }
    this.#groups = split
    return () => {
      if (this.#groups === split) this.#groups = new Map()
    }
  }

  heal(): void {
    this.#cuts.clear()
    this.#groups = new Map()
  }

  #send(bytes: Uint8Array, from: SimulatedAddress, to: SimulatedAddress): void {
    const { counters } = this
    const quality = this.#qualities.between(from.host, to.host)
    counters.sent += 1
    counters.sentBytes += bytes.length
    // Drawn for every packet, so that a cut does not change what happens to the others.
    const isLost = this.#draw(quality.loss)
    const isDoubled = this.#draw(quality.duplication)
    const firstMs = this.#delayMs(quality)
    const secondMs = this.#delayMs(quality)
    if (bytes.length > quality.mtuBytes) counters.tooLarge += 1
    else if (!this.#reaches(from.host, to.host)) counters.blocked += 1
    else if (isLost) counters.lost += 1
    else {
      // The sender may reuse its buffer.
      const copy = new Uint8Array(bytes)
      this.#post(copy, from, to, firstMs)
      if (!isDoubled) return
      counters.duplicated += 1
      this.#post(copy, from, to, secondMs)
    }
  }

  #draw(share: number): boolean {
    return this.#random.float() < share
  }

  #delayMs(quality: LinkQuality): number {
    const jitterMs = this.#random.float() * quality.jitterMs
    const isReordered = quality.reordering > 0 && this.#draw(quality.reordering)
    if (isReordered) this.counters.reordered += 1
    return quality.delayMs + jitterMs + (isReordered ? quality.reorderedByMs : 0)
  }

  #reaches(from: string, to: string): boolean {
    if (this.#groups.size > 0) {
      const [a, b] = [this.#groups.get(from), this.#groups.get(to)]
      if (a !== undefined && b !== undefined && a !== b) return false
    }
    return this.#cuts.size === 0 || !this.#cuts.has(`${from}>${to}`)
  }

  #post(bytes: Uint8Array, from: SimulatedAddress, to: SimulatedAddress, delayMs: number): void {
    if (this.#inFlight >= this.#inFlightMax) {
      this.counters.overflowed += 1
      return
    }
    this.#inFlight += 1
    this.#scheduler.after(delayMs, () => {
      this.#inFlight -= 1
      this.#deliver(bytes, from, to)
    })
  }

  #deliver(bytes: Uint8Array, from: SimulatedAddress, to: SimulatedAddress): void {
    const port = this.#ports.get(to.host)?.get(to.port)
    if (port === undefined || port.onPacket === null) this.counters.unreachable += 1
    else {
      this.counters.delivered += 1
      this.onDelivery?.(bytes, from, to)
      port.onPacket(bytes, from)
    }
  }
}
