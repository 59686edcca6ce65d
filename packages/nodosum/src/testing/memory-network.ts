import type { Random, Scheduler } from '@nodosum/kernel'
import {
  type LinkQuality,
  type SimulatedMesh,
  type SimulatedNetwork,
  type SimulatedProcess,
  type SimulatedTransport,
  simulatedMesh,
  simulatedNetwork,
} from '@nodosum/testkit'
import { ConnectionPool, type UdpPort } from '@nodosum/transport'
import type { Network, NetworkParts } from '../network.ts'
import { Undo } from '../undo.ts'
import { testAuthority } from './test-credentials.ts'

/** How everything fares that nodes of a test cluster say to each other. */
export interface NetworkQuality {
  /** Milliseconds that everything takes in one direction. */
  readonly delayMs?: number | undefined
  /** Up to this many milliseconds more, drawn anew each time. */
  readonly jitterMs?: number | undefined
  /** Share of packets that vanish, 0 to 1; connections send theirs again. */
  readonly loss?: number | undefined
  /** Share of packets that arrive twice, 0 to 1; connections are spared. */
  readonly duplication?: number | undefined
  /** Share of packets that are held back for 50 ms, 0 to 1; connections keep their order. */
  readonly reordering?: number | undefined
}

/** Packets and connections in memory, under one set of faults. */
export class MemoryNetwork {
  readonly packets: SimulatedNetwork
  readonly #mesh: SimulatedMesh

  constructor(parts: { scheduler: Scheduler; random: Random; quality: NetworkQuality }) {
    const { scheduler, random } = parts
    this.packets = simulatedNetwork({ scheduler, random: random.stream('packets') })
    this.#mesh = simulatedMesh({ scheduler, random: random.stream('connections') })
    this.setQuality(parts.quality)
  }

  setQuality({ delayMs, jitterMs, loss, duplication, reordering }: NetworkQuality): void {
    const quality: Partial<LinkQuality> = {
      ...(delayMs !== undefined && { delayMs }),
      ...(jitterMs !== undefined && { jitterMs }),
      ...(loss !== undefined && { loss }),
    }
    this.packets.setQuality({
      ...quality,
      ...(duplication !== undefined && { duplication }),
      ...(reordering !== undefined && { reordering }),
    })
    this.#mesh.setQuality(quality)
  }

  /** Breaks every connection that there is; both ends hear of it. */
  breakConnections(): void {
    this.#mesh.breakConnections()
  }

  /** Hosts of different groups do not reach each other; a host in no group reaches all. */
  partition(groups: readonly (readonly string[])[]): void {
    this.heal()
    this.packets.partition(...groups)
    for (const [index, group] of groups.entries()) {
      for (const to of groups.flatMap((other, at) => (at === index ? [] : other))) {
        for (const from of group) this.#mesh.cut(from, to)
      }
    }
  }

  heal(): void {
    this.packets.heal()
    this.#mesh.heal()
  }

  pause(host: string): void {
    this.#mesh.pause(host)
  }

  resume(host: string): void {
    this.#mesh.resume(host)
  }

  /** What a process opens of it, and what silences that as `kill -9` does. */
  async open(
    process: SimulatedProcess,
    parts: NetworkParts,
  ): Promise<{ network: Network; silence: () => void }> {
    const { listen, scheduler, random, logger } = parts
    let { identity } = parts
    const transport = this.#mesh.transport({
      address: listen,
      scheduler: process.scheduler,
      certificate: {
        uri: identity.uri,
        authority: testAuthority,
        notAfterMs: identity.notAfterMs,
      },
      authority: testAuthority,
    })
    const undo = new Undo()
    const port = process.attach(listen.port)
    const udp = packetPort(port)
    undo.add(() => udp.close())
    undo.add(() => transport.close())
    const pool = new ConnectionPool({
      transports: [transport],
      addressesOf: parts.addressesOf,
      expectIdentity: true,
      scheduler,
      random,
      logger,
      options: parts.config.layers.pool,
    })
    undo.add(() => pool.close())
    await pool.listen(parts.accept)
    const network: Network = {
      udp,
      pool,
      tcpPort: listen.port,
      dialsFirst: transport.kind,
      quicProblem: null,
      identify: (address, signal) => identify(transport, address, signal),
      get identity() {
        return identity
      },
      useIdentity: (fresh) => {
        pool.reloadCredentials(fresh)
        identity = fresh
      },
      close: async () => void (await undo.run()),
    }
    const silence = (): void => {
      port.detach()
      transport.sever()
    }
    return { network, silence }
  }
}

async function identify(
  transport: SimulatedTransport,
  address: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): ReturnType<Network['identify']> {
  const connection = await transport.connect(address, { signal })
  void connection.close({ reason: 'asked who is here' })
  return connection.peer.nodeId
}

/** A simulated port as the layers above see the UDP port. */
function packetPort(port: ReturnType<SimulatedProcess['attach']>): UdpPort {
  const counts = { receivedPackets: 0, receivedBytes: 0, sentPackets: 0, sentBytes: 0 }
  const udp: UdpPort = {
    address: port.address,
    sendsInFlight: 0,
    onQuic: null,
    onPacket: null,
    send: (bytes, to) => {
      counts.sentPackets += 1
      counts.sentBytes += bytes.length
      port.send(bytes, to)
    },
    stats: () => ({ ...counts, sendErrors: 0, ignoredPackets: 0, droppedBySystem: null }),
    close: async () => port.detach(),
  }
  port.onPacket = (bytes, from) => {
    counts.receivedPackets += 1
    counts.receivedBytes += bytes.length
    udp.onPacket?.(bytes, from)
  }
  return udp
}
