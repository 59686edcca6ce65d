import { bindUdpPort, type HostPort, type UdpPort } from '@nodosum/transport'
import { type TestNode, until } from './harness.ts'
import { closers } from './trusted-nodes.ts'

/** A socket that belongs to nobody, and counts what comes back to it. */
export interface Attacker {
  readonly address: HostPort
  /** Resolves once the node has seen all of it, after which any answer has been sent. */
  send(node: TestNode, datagrams: readonly Uint8Array[]): Promise<void>
  /** Datagrams that came to this socket. */
  readonly received: number
}

export async function newAttacker(): Promise<Attacker> {
  const udp = await bindUdpPort({ host: '127.0.0.1', port: 0 })
  closers.push(() => udp.close())
  return {
    address: udp.address,
    send: (node, datagrams) => sendAll(udp, node, datagrams),
    get received() {
      return udp.stats().receivedPackets
    },
  }
}

/** Sends through a port, a few at a time, so that no buffer on the way overflows. */
export async function sendAll(
  udp: UdpPort,
  node: TestNode,
  datagrams: readonly Uint8Array[],
): Promise<void> {
  const seen = (): number => node.udp.stats().receivedPackets
  for (const bytes of datagrams) {
    const before = seen()
    udp.send(bytes, node.address)
    await until('the node has seen it', () => seen() > before)
  }
  // What the node would answer leaves at the end of its turn.
  await new Promise((resolve) => setImmediate(resolve))
  await until('all answers are on their way', () => node.udp.sendsInFlight === 0)
}
