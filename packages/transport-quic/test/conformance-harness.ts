/** QUIC as the conformance suite sees it: real certificates, the real verifier, real sockets. */
import { randomBytes } from 'node:crypto'
import { parseClusterName, silentLogger } from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import { createPeerVerifier } from '@nodosum/security'
import type { TransportCredentials } from '@nodosum/transport'
import { bindUdpPort, type HostPort, type UdpPort } from '@nodosum/transport'
import type {
  ConformanceHarness,
  ConformanceNode,
  ConformanceNodeOptions,
  StrangeListener,
  StrangeListenerOpen,
  Stranger,
  StrangerLeft,
} from '@nodosum/transport/conformance'
import { createQuicTransport } from '../src/create-quic-transport.ts'
import type { Certificates } from './certificates.ts'
import { until } from './harness.ts'
import { rawDial } from './raw-client.ts'
import { rawListen } from './raw-listener.ts'
import { type TestSeal, testSeal } from './sealed.ts'

const host = '127.0.0.1'
const otherVersion = 'nodosum/0'

/** Handshakes sealed, as in a cluster, or in the clear, which needs Retry. */
export type Handshakes = 'sealed' | 'clear'

/** Nodes of one CA; the certificates stay the caller's. */
export function quicHarness(
  certificates: Certificates,
  handshakes: Handshakes = 'sealed',
): ConformanceHarness {
  const newSeal = (): TestSeal | null => (handshakes === 'sealed' ? testSeal() : null)
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
    start: (options) => startNode(credentialsOf(options), newSeal(), options),
    listenOnTakenPort: async ({ address }) => {
      const udp = await bindUdpPort(address)
      await udp.close()
    },
    approach: (node, stranger) => {
      return approach(node, stranger, {
        ...credentialsOf({ name: 'first' }),
        handshakes: newSeal(),
      })
    },
    listenAs: (stranger) => {
      return listenAs(stranger, { ...credentialsOf({ name: 'second' }), handshakes: newSeal() })
    },
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

async function startNode(
  credentials: TransportCredentials,
  seal: TestSeal | null,
  options: ConformanceNodeOptions,
): Promise<ConformanceNode> {
  const bound = await bindUdpPort({ host, port: 0 })
  const cable = new Cable(bound)
  const transport = await createQuicTransport({
    udp: cable,
    credentials,
    verifyPeer: createPeerVerifier({
      cluster: parseClusterName('shop'),
      match: 'node',
      caPem: credentials.caPem,
      trustDomain: 'test',
      now: Date.now,
    }),
    handshakes: seal ?? undefined,
    scheduler: systemScheduler(),
    random: systemRandom(),
    logger: options.logger ?? silentLogger,
    options: options.limits ?? {},
  })
  return {
    transport,
    address: bound.address,
    kill: () => {
      cable.isCut = true
      return bound.close()
    },
    isolate: () => {
      cable.isCut = true
    },
    close: async () => {
      await transport.close()
      await bound.close()
    },
  }
}

/** A port whose cable can be cut. */
class Cable implements UdpPort {
  readonly address: HostPort
  isCut = false
  onPacket = null
  readonly #port: UdpPort
  #onQuic: UdpPort['onQuic'] = null

  constructor(port: UdpPort) {
    this.#port = port
    this.address = port.address
  }

  get sendsInFlight(): number {
    return this.#port.sendsInFlight
  }

  get onQuic(): UdpPort['onQuic'] {
    return this.#onQuic
  }

  set onQuic(callback: UdpPort['onQuic']) {
    this.#onQuic = callback
    this.#port.onQuic =
      callback === null
        ? null
        : (bytes, from) => {
            if (!this.isCut) callback(bytes, from)
          }
  }

  send(bytes: Uint8Array, to: HostPort): void {
    if (!this.isCut) this.#port.send(bytes, to)
  }

  stats(): ReturnType<UdpPort['stats']> {
    return this.#port.stats()
  }

  close(): Promise<void> {
    return this.#port.close()
  }
}

/** Strangers of the contract are inside the cluster's seal: outside of it nobody hears them. */
interface Insider extends TransportCredentials {
  readonly handshakes: TestSeal | null
}

async function approach(
  node: ConformanceNode,
  stranger: Stranger,
  insider: Insider,
): Promise<StrangerLeft> {
  if (stranger === 'garbage') return sendGarbage(node)
  const { caPem, handshakes } = insider
  const client = await rawDial(node.address, {
    ...(stranger === 'no-certificate' ? { caPem, handshakes } : insider),
    protocol: stranger === 'other-version' ? otherVersion : 'nodosum/1',
    isMute: stranger === 'mute',
  })
  if (stranger !== 'mute') {
    await until('the stranger is refused', () => {
      return client.engine.isDraining() || client.engine.isClosed()
    })
  }
  return { leave: () => client.close() }
}

async function sendGarbage(node: ConformanceNode): Promise<StrangerLeft> {
  const udp = await bindUdpPort({ host, port: 0 })
  for (let round = 0; round < 200; round += 1) {
    udp.send(randomBytes(round), node.address)
    udp.send(Buffer.concat([Buffer.of(0x40), randomBytes(round)]), node.address)
    // Like the first packet of a handshake, with a version and with an id of 20 or 8 bytes.
    udp.send(Buffer.concat([Buffer.of(0xc0, 0, 0, 0, 1, 20), randomBytes(round)]), node.address)
    udp.send(Buffer.concat([Buffer.of(0xc0, 0, 0, 0, 1, 8), randomBytes(1_300)]), node.address)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until('all is sent', () => udp.sendsInFlight === 0)
  return { leave: () => udp.close() }
}

async function listenAs(stranger: StrangeListener, insider: Insider): Promise<StrangeListenerOpen> {
  if (stranger === 'other-version') return rawListen({ ...insider, protocol: otherVersion })
  const udp = await bindUdpPort({ host, port: 0 })
  return { address: udp.address, close: () => udp.close() }
}
