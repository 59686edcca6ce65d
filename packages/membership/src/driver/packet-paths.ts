import type { Logger, NodeId, Scheduler, Supervisor } from '@nodosum/kernel'
import type { PacketAddress } from '../core/effects.ts'
import type { Member } from '../core/member.ts'
import type { Detour, PacketPort, Seal } from '../ports.ts'
import { PathEvidence } from './path-evidence.ts'
import { RefusedPackets } from './refused-packets.ts'

/** What paths are made of. */
export interface PacketPathsParts {
  readonly cluster: string
  readonly packets: PacketPort
  readonly seal: Seal
  /** Null where there are no connections. */
  readonly detour: Detour | null
  readonly members: () => readonly Member[]
  readonly scheduler: Scheduler
  readonly supervisor: Supervisor
  readonly logger: Logger
  readonly received: (from: PacketAddress, content: Uint8Array) => void
  /** A packet was sealed with a key that this node has not. */
  readonly unknownKey: (from: PacketAddress) => void
}

/** What packets have gone around UDP, over connections. */
export interface DetourCounters {
  readonly sent: number
  readonly received: number
  /** Strangers at an address that were found by TCP. */
  readonly introductions: number
}

/** An address where nobody is known has so long to answer by UDP before TCP is tried. */
const answerWithinMs = 1_000

/** Between two tries to find out by TCP who is at an address. */
const introduceAgainMs = 5_000

/** Addresses where nobody is known, and nodes that are known by their connection only. */
const strangersMax = 64

/** Set in the first byte of a packet that goes around: the sender does not hear the receiver. */
const unheardFlag = 1

interface Stranger {
  readonly sinceMs: number
  introducedMs: number
}

/**
 * How packets reach others: by UDP, and where that does not pass also over connections. Both ways
 * carry sealed packets, each sealed on its own.
 */
export class PacketPaths {
  readonly counters: { -readonly [Name in keyof DetourCounters]: number } = {
    sent: 0,
    received: 0,
    introductions: 0,
  }
  /** Why nobody was found by TCP at the last try; null before one failed. */
  lastProblem: string | null = null
  /** What packets that did not open say. */
  readonly refusals: RefusedPackets
  readonly #parts: PacketPathsParts
  readonly #evidence = new PathEvidence()
  readonly #abort = new AbortController()
  readonly #strangers = new Map<string, Stranger>()
  /** Nodes at addresses that no member has announced. */
  readonly #aliases = new Map<string, NodeId>()
  #byAddress: ReadonlyMap<string, Member> | null = null

  constructor(parts: PacketPathsParts) {
    this.#parts = parts
    const { cluster, scheduler } = parts
    this.refusals = new RefusedPackets({ cluster, nowMs: scheduler.nowMs() })
  }

  start(): void {
    const { packets, detour, supervisor } = this.#parts
    packets.onPacket = supervisor.guard('packet', (bytes, from) => this.#byUdp(bytes, from))
    if (detour === null) return
    detour.onPacket = supervisor.guard('packet', (bytes, from) => this.#around(bytes, from))
  }

  close(): void {
    this.#abort.abort()
    this.#parts.packets.onPacket = null
    if (this.#parts.detour !== null) this.#parts.detour.onPacket = null
  }

  send(content: Uint8Array, to: PacketAddress): void {
    const { packets, seal, detour, scheduler } = this.#parts
    const alias = this.#aliases.get(keyOf(to))
    const member = alias === undefined ? this.#memberAt(to) : undefined
    packets.send(seal.seal(content), to)
    if (detour === null) return
    const nowMs = scheduler.nowMs()
    if (alias !== undefined) this.#sendAround(content, alias, 0)
    else if (member === undefined) this.#toStranger(to, nowMs)
    else if (this.#evidence.goesAround(member.bootId, nowMs)) {
      const isUnheard = this.#evidence.isUnheard(member.bootId)
      const isSent = this.#sendAround(content, member.nodeId, isUnheard ? unheardFlag : 0)
      if (isSent) this.#evidence.told(member.bootId, isUnheard)
      else if (this.#evidence.isWorthADial(member.bootId, nowMs)) detour.open(member.nodeId)
    }
  }

  /** Somebody came, went, or is in doubt. */
  memberChanged(member: Member): void {
    this.#byAddress = null
    if (member.state === 'suspect' || member.state === 'failed') this.#evidence.doubt(member.bootId)
  }

  /** Members with whom gossip goes over a connection because UDP does not pass. */
  get blocked(): readonly NodeId[] {
    const nowMs = this.#parts.scheduler.nowMs()
    return this.#parts
      .members()
      .filter(({ state }) => state !== 'failed' && state !== 'left')
      .filter(({ bootId }) => this.#evidence.isBlocked(bootId, nowMs))
      .map(({ nodeId }) => nodeId)
  }

  /** Whether gossip reaches this process over a connection only. */
  isBlocked(bootId: string): boolean {
    return this.#evidence.isBlocked(bootId, this.#parts.scheduler.nowMs())
  }

  #byUdp(bytes: Uint8Array, from: PacketAddress): void {
    const { seal, scheduler } = this.#parts
    const content = seal.open(bytes)
    if (content === undefined) return this.#refused(from)
    if (seal.lastSender !== null) this.#evidence.cameByUdp(seal.lastSender, scheduler.nowMs())
    const key = keyOf(from)
    this.#strangers.delete(key)
    // Who answers by UDP needs no other name.
    this.#aliases.delete(key)
    this.#parts.received(from, content)
  }

  #around(bytes: Uint8Array, from: { nodeId: NodeId; address: PacketAddress }): void {
    const { seal, scheduler } = this.#parts
    const { nodeId } = from
    const member = this.#parts.members().find((known) => known.nodeId === nodeId)
    const [announced] = member?.addresses ?? []
    const address =
      announced === undefined ? from.address : { host: announced.host, port: announced.udpPort }
    const content = bytes.length === 0 ? undefined : seal.open(bytes.subarray(1))
    if (content === undefined) return this.#refused(address)
    this.counters.received += 1
    if (seal.lastSender !== null) {
      const isUnheard = ((bytes[0] as number) & unheardFlag) !== 0
      this.#evidence.cameAround(seal.lastSender, scheduler.nowMs(), isUnheard)
    }
    if (announced === undefined) remember(this.#aliases, keyOf(address), nodeId)
    this.#parts.received(address, content)
  }

  #refused(from: PacketAddress): void {
    const { seal, scheduler, logger } = this.#parts
    const reason = seal.lastRefusal
    if (reason === 'unknownKey') this.#parts.unknownKey(from)
    const warning = this.refusals.refused(scheduler.nowMs(), from, reason)
    if (warning === null) return
    const remote = `${from.host}:${from.port}`
    logger.warn({ event: 'packet.refused', remote, reason }, warning)
  }

  #sendAround(content: Uint8Array, to: NodeId, flags: number): boolean {
    const { seal, detour } = this.#parts
    const packet = seal.seal(content)
    const framed = new Uint8Array(packet.length + 1)
    framed[0] = flags
    framed.set(packet, 1)
    const isSent = detour?.send(framed, to) === true
    if (isSent) this.counters.sent += 1
    return isSent
  }

  #toStranger(to: PacketAddress, nowMs: number): void {
    const key = keyOf(to)
    const stranger = this.#strangers.get(key)
    if (stranger === undefined) {
      remember(this.#strangers, key, { sinceMs: nowMs, introducedMs: Number.NEGATIVE_INFINITY })
      return
    }
    const isDue =
      nowMs - stranger.sinceMs >= answerWithinMs &&
      nowMs - stranger.introducedMs >= introduceAgainMs
    if (!isDue) return
    stranger.introducedMs = nowMs
    this.#introduce(to, key)
  }

  #introduce(to: PacketAddress, key: string): void {
    const { detour, supervisor } = this.#parts
    supervisor.run('introduction', async () => {
      try {
        const nodeId = await detour?.introduce(to, this.#abort.signal)
        if (nodeId === undefined || this.#abort.signal.aborted) return
        this.counters.introductions += 1
        this.#strangers.delete(key)
        remember(this.#aliases, key, nodeId)
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        this.lastProblem = `${key} was not reached by TCP either: ${why}`
      }
    })
  }

  #memberAt(address: PacketAddress): Member | undefined {
    if (this.#byAddress === null) {
      const byAddress = new Map<string, Member>()
      // One that left an address to another comes first, so that the other one holds.
      const members = [...this.#parts.members()].sort((a, b) => presence(a) - presence(b))
      for (const member of members) {
        for (const { host, udpPort } of member.addresses) {
          byAddress.set(keyOf({ host, port: udpPort }), member)
        }
      }
      this.#byAddress = byAddress
    }
    return this.#byAddress.get(keyOf(address))
  }
}

function presence({ state }: Member): number {
  return state === 'left' ? 0 : state === 'failed' ? 1 : 2
}

function keyOf({ host, port }: PacketAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The longest kept makes room. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > strangersMax && oldest !== undefined) map.delete(oldest)
}
