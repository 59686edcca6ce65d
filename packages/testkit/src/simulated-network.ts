import { invariant, type Random, type Scheduler } from '@nodosum/kernel'

/** Where a packet comes from or goes to. */
export interface SimulatedAddress {
  readonly host: string
  readonly port: number
}

/** How packets fare on their way; each packet draws anew. */
export interface LinkQuality {
  /** Milliseconds that every packet takes. */
  readonly delayMs: number
  /** Up to this many milliseconds more, so packets overtake each other. */
  readonly jitterMs: number
  /** Share of packets that vanish, 0 to 1. */
  readonly loss: number
  /** Share of packets that arrive twice, 0 to 1. */
  readonly duplication: number
  /** Larger packets vanish. */
  readonly mtuBytes: number
}

/** What the network has done: a test of a fault should see that the fault happened. */
export interface NetworkCounters {
  readonly sent: number
  readonly sentBytes: number
  readonly delivered: number
  readonly lost: number
  readonly duplicated: number
  readonly tooLarge: number
  /** Stopped by `cut`, `partition`, or because nobody is at the address. */
  readonly blocked: number
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
  /** A port at an address that nobody else uses. */
  attach(address: SimulatedAddress): SimulatedPort
  /** Changes the quality of every link, for packets that are sent from now on. */
  setQuality(quality: Partial<LinkQuality>): void
  /** Stops packets from one host to another, in this direction only. */
  cut(from: string, to: string): void
  /** Splits hosts into groups that do not reach each other; a host in no group reaches all. */
  partition(...groups: readonly (readonly string[])[]): void
  /** Undoes every `cut` and `partition`. */
  heal(): void
}

/** A network of packets on simulated time: unreliable as told, and the same again for one seed. */
export function simulatedNetwork(options: {
  scheduler: Scheduler
  random: Random
  quality?: Partial<LinkQuality>
}): SimulatedNetwork {
  return new PacketNetwork(options.scheduler, options.random, options.quality ?? {})
}

const perfect: LinkQuality = {
  delayMs: 1,
  jitterMs: 0,
  loss: 0,
  duplication: 0,
  mtuBytes: 65_507,
}

class PacketNetwork implements SimulatedNetwork {
  readonly counters = {
    sent: 0,
    sentBytes: 0,
    delivered: 0,
    lost: 0,
    duplicated: 0,
    tooLarge: 0,
    blocked: 0,
  }
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #ports = new Map<string, SimulatedPort>()
  readonly #cuts = new Set<string>()
  readonly #groups = new Map<string, number>()
  #quality: LinkQuality

  constructor(scheduler: Scheduler, random: Random, quality: Partial<LinkQuality>) {
    this.#scheduler = scheduler
    this.#random = random
    this.#quality = { ...perfect, ...quality }
  }

  attach(address: SimulatedAddress): SimulatedPort {
    const key = keyOf(address)
    invariant(!this.#ports.has(key), `${key} is in use`)
    const port: SimulatedPort = {
      address,
      onPacket: null,
      send: (bytes, to) => {
        if (this.#ports.get(key) === port) this.#send(bytes, address, to)
      },
      detach: () => {
        if (this.#ports.get(key) === port) this.#ports.delete(key)
      },
    }
    this.#ports.set(key, port)
    return port
  }

  setQuality(quality: Partial<LinkQuality>): void {
    this.#quality = { ...this.#quality, ...quality }
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`)
  }

  partition(...groups: readonly (readonly string[])[]): void {
    this.#groups.clear()
    for (const [index, hosts] of groups.entries()) {
      for (const host of hosts) this.#groups.set(host, index)
    }
  }

  heal(): void {
    this.#cuts.clear()
    this.#groups.clear()
  }

  #send(bytes: Uint8Array, from: SimulatedAddress, to: SimulatedAddress): void {
    const { loss, duplication, mtuBytes } = this.#quality
    this.counters.sent += 1
    this.counters.sentBytes += bytes.length
    // Drawn for every packet, so that a cut does not change what happens to the others.
    const [lossDraw, duplicationDraw] = [this.#random.float(), this.#random.float()]
    const delays = [this.#delayMs(), this.#delayMs()]
    if (bytes.length > mtuBytes) this.counters.tooLarge += 1
    else if (!this.#reaches(from.host, to.host)) this.counters.blocked += 1
    else if (lossDraw < loss) this.counters.lost += 1
    else {
      // The sender may reuse its buffer.
      const copy = bytes.slice()
      const copies = duplicationDraw < duplication ? 2 : 1
      this.counters.duplicated += copies - 1
      for (const delayMs of delays.slice(0, copies)) {
        this.#scheduler.after(delayMs, () => this.#deliver(copy, from, to))
      }
    }
  }

  #delayMs(): number {
    return this.#quality.delayMs + this.#random.float() * this.#quality.jitterMs
  }

  #reaches(from: string, to: string): boolean {
    const [a, b] = [this.#groups.get(from), this.#groups.get(to)]
    const isSplit = a !== undefined && b !== undefined && a !== b
    return !isSplit && !this.#cuts.has(`${from}>${to}`)
  }

  #deliver(bytes: Uint8Array, from: SimulatedAddress, to: SimulatedAddress): void {
    const port = this.#ports.get(keyOf(to))
    if (port === undefined || port.onPacket === null) this.counters.blocked += 1
    else {
      this.counters.delivered += 1
      port.onPacket(bytes, from)
    }
  }
}

function keyOf({ host, port }: SimulatedAddress): string {
  return `${host}:${port}`
}
