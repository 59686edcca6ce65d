/** HTTP/2 as the conformance suite sees it: real certificates, the real verifier, real sockets. */
import { randomBytes } from 'node:crypto'
import { parseClusterName, silentLogger } from '@nodosum/kernel'
import { systemScheduler } from '@nodosum/kernel/node'
import { createPeerVerifier } from '@nodosum/security'
import type { HostPort, Transport, TransportCredentials } from '@nodosum/transport'
import type {
  ConformanceHarness,
  ConformanceNode,
  ConformanceNodeOptions,
  StrangeListener,
  StrangeListenerOpen,
  Stranger,
  StrangerLeft,
} from '@nodosum/transport/conformance'
import { createH2Transport } from '../src/create-h2-transport.ts'
import { Cable } from './cable.ts'
import type { Certificates } from './certificates.ts'
import { dialHttp2, dialTcp, dialTls, goneOf, listenHttp2, listenSilently } from './raw-peer.ts'

const host = '127.0.0.1'
const otherVersionPath = '/nodosum/2/control'

/** Nodes of one CA; the certificates stay the caller's. */
export function h2Harness(certificates: Certificates): ConformanceHarness {
  const issued = new Map<string, TransportCredentials>()
  const credentialsOf = (
    node: Pick<ConformanceNodeOptions, 'name' | 'flaw'>,
  ): TransportCredentials => {
    const key = `${node.name} ${node.flaw ?? ''}`
    const known = issued.get(key) ?? issue(certificates, node)
    issued.set(key, known)
    return known
  }
  return {
    scheduler: systemScheduler(),
    timeScale: 1 / 60,
    patienceMs: 15_000,
    exceptions: {},
    start: (options) => startNode(credentialsOf(options), options),
    listenOnTakenPort: async ({ transport }) => {
      const taken = transport.snapshot().listening as HostPort
      const second = transportOf(credentialsOf({ name: 'first' }), taken.port, {})
      await second.listen(() => {})
    },
    approach: (node, stranger) => approach(node, stranger, credentialsOf({ name: 'first' })),
    listenAs: (stranger) => listenAs(stranger, credentialsOf({ name: 'second' })),
  }
}

function issue(
  certificates: Certificates,
  { name, flaw }: Pick<ConformanceNodeOptions, 'name' | 'flaw'>,
): TransportCredentials {
  const uri = `spiffe://test/nodosum/shop/${name}`
  if (flaw === 'expired') return certificates.issueExpired(uri)
  if (flaw === 'untrusted') return certificates.issueByStranger(uri)
  return certificates.issue(flaw === 'other-cluster' ? `spiffe://test/nodosum/bank/${name}` : uri)
}

function transportOf(
  credentials: TransportCredentials,
  port: number,
  { limits, logger }: Pick<ConformanceNodeOptions, 'limits' | 'logger'>,
): Transport {
  return createH2Transport({
    host,
    port,
    credentials,
    verifyPeer: createPeerVerifier({
      cluster: parseClusterName('shop'),
      match: 'node',
      caPem: credentials.caPem,
      trustDomain: 'test',
      now: Date.now,
    }),
    scheduler: systemScheduler(),
    logger: logger ?? silentLogger,
    options: limits ?? {},
  })
}

async function startNode(
  credentials: TransportCredentials,
  options: ConformanceNodeOptions,
): Promise<ConformanceNode> {
  const transport = transportOf(credentials, 0, options)
  const cable = await Cable.lay(() => transport.snapshot().listening)
  return {
    transport,
    address: cable.address,
    kill: async () => cable.reset(),
    isolate: () => cable.cut(),
    close: async () => {
      await transport.close()
      await cable.close()
    },
  }
}

async function approach(
  { address }: ConformanceNode,
  stranger: Stranger,
  credentials: TransportCredentials,
): Promise<StrangerLeft> {
  if (stranger === 'garbage') return sendGarbage(address, credentials)
  if (stranger === 'mute') {
    const socket = await dialTcp(address)
    return { leave: async () => void socket.destroy() }
  }
  if (stranger === 'no-certificate') {
    const { caPem } = credentials
    const socket = await dialTls(address, { credentials: { caPem } })
    socket.resume()
    await goneOf(socket)
    return { leave: async () => {} }
  }
  const session = await dialHttp2(address, credentials)
  const stream = session.request({ ':method': 'POST', ':path': otherVersionPath })
  stream.on('error', () => {})
  await goneOf(session)
  return { leave: async () => {} }
}

/** Bytes of all kinds, also after a good handshake and in the middle of one. */
async function sendGarbage(
  address: HostPort,
  credentials: TransportCredentials,
): Promise<StrangerLeft> {
  for (let round = 0; round < 20; round += 1) {
    const socket = await dialTcp(address)
    const looksLikeTls = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])
    const bytes = randomBytes(1 + round * 50)
    socket.end(round % 2 === 0 ? bytes : Buffer.concat([looksLikeTls, bytes]))
    socket.resume()
    await goneOf(socket)
  }
  const socket = await dialTls(address, { credentials })
  socket.end(randomBytes(10_000))
  socket.resume()
  await goneOf(socket)
  return { leave: async () => {} }
}

function listenAs(
  stranger: StrangeListener,
  credentials: TransportCredentials,
): Promise<StrangeListenerOpen> {
  if (stranger === 'silent') return listenSilently()
  return listenHttp2(credentials, (session) => {
    session.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 404 }, { endStream: true })
    })
  })
}
