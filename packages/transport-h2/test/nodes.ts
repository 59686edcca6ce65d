/** Nodes of one CA that the end of each test closes; what it makes is gone after the file. */
import { type ChildProcess, fork } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isNodosumError, type NodeId, silentLogger } from '@nodosum/kernel'
import { systemScheduler } from '@nodosum/kernel/node'
import type {
  ByteStream,
  Connection,
  HostPort,
  PeerIdentity,
  Transport,
  TransportCredentials,
  VerifyPeer,
} from '@nodosum/transport'
import { afterAll, afterEach } from 'vitest'
import { createH2Transport } from '../src/create-h2-transport.ts'
import type { H2Options } from '../src/options.ts'
import { type Certificates, makeCertificates } from './certificates.ts'

export const certificates: Certificates = makeCertificates()
export const first: TransportCredentials = certificates.issue('spiffe://test/nodosum/shop/first')
export const second: TransportCredentials = certificates.issue('spiffe://test/nodosum/shop/second')
/** What the end of a test closes, last first. */
export const closers: (() => unknown)[] = []
const directory = mkdtempSync(join(tmpdir(), 'nodosum-h2-child-'))

writeFileSync(join(directory, 'credentials.json'), JSON.stringify(second))

afterAll(() => {
  certificates.remove()
  rmSync(directory, { recursive: true, force: true })
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

export interface StartOptions {
  readonly credentials?: TransportCredentials
  readonly verifyPeer?: VerifyPeer
  readonly options?: H2Options
  readonly host?: string
  readonly port?: number
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

/** A node that does not listen yet. */
export function start({ credentials = first, ...rest }: StartOptions = {}): Transport {
  const transport = createH2Transport({
    host: rest.host ?? '127.0.0.1',
    port: rest.port ?? 0,
    credentials,
    verifyPeer: rest.verifyPeer ?? readIdentity,
    scheduler: systemScheduler(),
    logger: silentLogger,
    options: rest.options ?? {},
  })
  closers.push(() => transport.close())
  return transport
}

export interface Listening {
  readonly transport: Transport
  readonly address: HostPort
  readonly accepted: Connection[]
  counters(): Readonly<Record<string, number>>
}

/** A node named `second` that listens. */
export async function listen(options: StartOptions = {}): Promise<Listening> {
  const transport = start({ credentials: second, ...options })
  const accepted: Connection[] = []
  const { address } = await transport.listen((connection) => accepted.push(connection))
  return { transport, address, accepted, counters: () => transport.snapshot().counters }
}

export interface Pair {
  readonly dialer: Connection
  readonly acceptor: Connection
  readonly dialerNode: Transport
  readonly acceptorNode: Listening
}

export async function pair(
  options: H2Options = {},
  acceptorOptions: H2Options = options,
): Promise<Pair> {
  const acceptorNode = await listen({ options: acceptorOptions })
  const dialerNode = start({ options })
  const dialer = await dialerNode.connect(acceptorNode.address)
  await until('the acceptor has it', () => acceptorNode.accepted.length === 1)
  const acceptor = acceptorNode.accepted[0] as Connection
  return { dialer, acceptor, dialerNode, acceptorNode }
}

/** Waits for a condition. */
export async function until(
  what: string,
  isTrue: () => boolean,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** The code that a promise rejects with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'resolved'
  } catch (error) {
    return isNodosumError(error) ? error.code : String(error)
  }
}

/** Everything a stream delivers until its end. */
export function collect(stream: ByteStream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    stream.onEnd = () => resolve(Buffer.concat(chunks))
    stream.onReset = (code) => reject(new Error(`reset with ${code}`))
    stream.onData = (chunk) => chunks.push(chunk)
  })
}

export function echo(connection: Connection): void {
  connection.onStream = (stream) => {
    stream.onData = (chunk) => stream.write(chunk)
    stream.onEnd = () => stream.end()
  }
}

/** Another process with a listener that echoes; any message makes it close. */
export async function startChild(
  options: H2Options = {},
): Promise<{ child: ChildProcess; address: HostPort }> {
  const child = fork(new URL('./child-node.ts', import.meta.url), [directory], {
    execArgv: ['-C', 'nodosum-source'],
    env: { ...process.env, H2_OPTIONS: JSON.stringify(options) },
  })
  closers.push(() => child.kill('SIGKILL'))
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port))
    child.once('exit', (code) => reject(new Error(`the child ended with ${code}`)))
  })
  return { child, address: { host: '127.0.0.1', port } }
}
