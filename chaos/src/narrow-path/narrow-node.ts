/**
 * One end of a QUIC connection, to live in a network of its own: `narrow-node.ts <what as JSON>`.
 * Prints one JSON object a line: where it listens, or how it went.
 */
import { readFileSync } from 'node:fs'
import type { HostPort, TransportCredentials, UdpPort } from '@nodosum/transport'
import { startNode } from '../../../packages/transport-quic/test/harness.ts'

/** What an end is to do. */
export interface NarrowNode {
  readonly host: string
  readonly credentials: TransportCredentials
  readonly packetBytes: 'auto' | number
  /** Whom to dial; without it the end listens, and echoes. */
  readonly remote?: HostPort
  readonly bytes: number
}

/** What a dialing end has seen. */
export interface NarrowReport {
  readonly code: string
  readonly echoed: number
  /** The largest datagram that was sent in the handshake, and after it. */
  readonly handshakeBytes: number
  readonly packetBytes: number
  /** IPv6 fragments that the system made of the end's datagrams: in the handshake, and after it. */
  readonly handshakeFragments: number
  readonly fragments: number
}

const order = JSON.parse(process.argv[2] ?? '{}') as NarrowNode

/** The system's own count, of this network namespace. */
function fragmentsMade(): number {
  const counters = readFileSync('/proc/net/snmp6', 'utf8')
  return Number(/^Ip6FragCreates\s+(\d+)$/m.exec(counters)?.[1] ?? Number.NaN)
}

let largest = 0
function measured(udp: UdpPort): UdpPort {
  const send = udp.send.bind(udp)
  udp.send = (bytes, to) => {
    largest = Math.max(largest, bytes.length)
    send(bytes, to)
  }
  return udp
}

const node = await startNode({
  host: order.host,
  credentials: order.credentials,
  options: { packetBytes: order.packetBytes },
  wrap: measured,
})

async function talk(remote: HostPort): Promise<NarrowReport> {
  let [echoed, handshakeBytes, handshakeFragments] = [0, 0, 0]
  let code = 'none'
  const before = fragmentsMade()
  try {
    const connection = await node.transport.connect(remote)
    handshakeBytes = largest
    handshakeFragments = fragmentsMade() - before
    largest = 0
    const stream = connection.openStream()
    const ended = new Promise<void>((resolve, reject) => {
      stream.onEnd = resolve
      stream.onReset = (reset) => reject(new Error(`reset with ${reset}`))
    })
    stream.onData = (chunk) => {
      echoed += chunk.length
    }
    stream.write(Buffer.alloc(order.bytes))
    stream.end()
    await ended
  } catch (error) {
    code = (error as { code?: string }).code ?? String(error)
  }
  const fragments = fragmentsMade() - before - handshakeFragments
  return { code, echoed, handshakeBytes, packetBytes: largest, handshakeFragments, fragments }
}

if (order.remote === undefined) {
  await node.transport.listen((connection) => {
    connection.onStream = (stream) => {
      stream.onData = (chunk) => stream.write(chunk)
      stream.onEnd = () => stream.end()
    }
  })
  console.log(JSON.stringify({ listening: node.address }))
} else {
  console.log(JSON.stringify(await talk(order.remote)))
  await node.close()
}
