import { createHash, X509Certificate } from 'node:crypto'
import { type NodeId, type Scheduler, silentLogger } from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import type { TransportCredentials } from '@nodosum/transport'
import {
  bindUdpPort,
  type Connection,
  type HostPort,
  type PeerIdentity,
  type Transport,
  type UdpPort,
  type VerifyPeer,
} from '@nodosum/transport'
import { createQuicTransport } from '../src/create-quic-transport.ts'
import type { QuicOptions } from '../src/options.ts'
import type { SealedHandshakes } from '../src/ports.ts'
import { testSeal } from './sealed.ts'

export interface TestNode {
  readonly udp: UdpPort
  readonly transport: Transport
  readonly address: HostPort
  close(): Promise<void>
}

export interface TestNodeOptions {
  readonly credentials: TransportCredentials
  readonly verifyPeer?: VerifyPeer
  readonly options?: QuicOptions
  /** Null for handshakes in the clear, with Retry; the seal of `testSeal` unless told. */
  readonly handshakes?: SealedHandshakes | null
  /** 127.0.0.1 unless told. */
  readonly host?: string
  /** Any free one unless told. */
  readonly port?: number
  /** That of the system unless told. */
  readonly scheduler?: Scheduler
  /** Wraps the bound port, for example to lose packets. */
  readonly wrap?: (udp: UdpPort) => UdpPort
}

/** The node id is the last part of the URI. */
export const readIdentity: VerifyPeer = (chain): PeerIdentity => {
  const leaf = new X509Certificate(chain[0] as Uint8Array)
  const uri = /URI:([^,]+)/.exec(leaf.subjectAltName ?? '')?.[1] ?? ''
  return {
    nodeId: (uri.split('/').at(-1) ?? null) as NodeId | null,
    uri,
    fingerprint: createHash('sha256').update(leaf.raw).digest('hex'),
    notAfterMs: Date.parse(leaf.validTo),
  }
}

export async function startNode(options: TestNodeOptions): Promise<TestNode> {
  const bound = await bindUdpPort({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 })
  const udp = options.wrap?.(bound) ?? bound
  const transport = await createQuicTransport({
    udp,
    credentials: options.credentials,
    verifyPeer: options.verifyPeer ?? readIdentity,
    handshakes: (options.handshakes === undefined ? testSeal() : options.handshakes) ?? undefined,
    scheduler: options.scheduler ?? systemScheduler(),
    random: systemRandom(),
    logger: silentLogger,
    options: options.options ?? {},
  })
  return {
    udp,
    transport,
    address: bound.address,
    close: async () => {
      await transport.close()
      await bound.close()
    },
  }
}

export interface Pair {
  readonly dialer: Connection
  readonly acceptor: Connection
  readonly nodes: readonly [TestNode, TestNode]
  close(): Promise<void>
}

/** Two nodes of this process and one connection between them. */
export async function connectPair(first: TestNodeOptions, second: TestNodeOptions): Promise<Pair> {
  const a = await startNode(first)
  const b = await startNode(second)
  const accepted = Promise.withResolvers<Connection>()
  await b.transport.listen((connection) => accepted.resolve(connection))
  const dialer = await a.transport.connect(b.address)
  const acceptor = await accepted.promise
  return {
    dialer,
    acceptor,
    nodes: [a, b],
    close: async () => {
      await Promise.all([a.close(), b.close()])
    },
  }
}

/** Waits for a condition, looking on every turn of the event loop. */
export async function until(
  what: string,
  isTrue: () => boolean,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** Everything a stream delivers until its end. */
export function collect(stream: {
  onData: ((chunk: Uint8Array) => void) | null
  onEnd: (() => void) | null
  onReset: ((code: number) => void) | null
}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    stream.onEnd = () => resolve(Buffer.concat(chunks))
    stream.onReset = (code) => reject(new Error(`reset with ${code}`))
    stream.onData = (chunk) => chunks.push(chunk)
  })
}
