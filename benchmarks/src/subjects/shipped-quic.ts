/** QUICServer and QUICClient of @matrixai/quic as they are shipped, one write for each message. */
import {
  createHmac,
  getRandomValues,
  randomBytes,
  timingSafeEqual,
  X509Certificate,
} from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import Logger, { LogLevel } from '@matrixai/logger'
import {
  events,
  native,
  QUICClient,
  type QUICConnection,
  QUICServer,
  type QUICStream,
} from '@matrixai/quic'
import { parseClusterName, parseNodeId } from '@nodosum/kernel'
import { developmentIdentity } from '@nodosum/security'
import type { Receiver, Sender, Subject, Work } from '../subject.ts'

const logger = new Logger('shipped-quic', LogLevel.ERROR, [])

/** The largest packet of a common network, and windows that do not slow it down. */
const settings = {
  verifyPeer: true,
  // Certificates of nodes have no host names, so the chain is checked here.
  verifyCallback: async (chain: Uint8Array[], authorities: Uint8Array[]) => {
    const [leaf, authority] = [chain[0], authorities[0]].map(
      (der) => new X509Certificate(der ?? ''),
    )
    const isIssued =
      leaf !== undefined && authority !== undefined && leaf.verify(authority.publicKey)
    return isIssued ? undefined : native.CryptoError.UnknownCA
  },
  maxIdleTimeout: 60_000,
  keepAliveIntervalTime: 3_000,
  maxSendUdpPayloadSize: 1_350,
  readableChunkSize: 4_096,
  initialMaxData: 20 << 20,
  initialMaxStreamDataBidiLocal: 4 << 20,
  initialMaxStreamDataBidiRemote: 4 << 20,
}

async function credentials(
  directory: string,
  nodeId: string,
): Promise<{ key: string; cert: string; ca: string }> {
  const identity = await developmentIdentity({
    directory: join(directory, 'authority'),
    cluster: parseClusterName('benchmark'),
    nodeId: parseNodeId(nodeId),
    wallMs: Date.now(),
  })
  return { key: identity.keyPem, cert: identity.certificatePem, ca: identity.caPem }
}

function sign(key: ArrayBuffer, data: ArrayBuffer): Buffer {
  return createHmac('sha256', Buffer.from(key)).update(Buffer.from(data)).digest()
}

export const subject: Subject = {
  async receive(directory): Promise<Receiver> {
    let left = 0
    let finished: (atNs: bigint) => void = () => undefined
    const server = new QUICServer({
      crypto: {
        key: Uint8Array.from(randomBytes(32)).buffer,
        ops: {
          sign: async (key, data) => Uint8Array.from(sign(key, data)).buffer,
          verify: async (key, data, signature) =>
            timingSafeEqual(sign(key, data), Buffer.from(signature)),
        },
      },
      config: { ...settings, ...(await credentials(directory, 'receiver')) },
      logger,
    })
    const drain = async (stream: QUICStream): Promise<void> => {
      for await (const chunk of stream.readable) {
        left -= chunk.length
        if (left === 0) finished(process.hrtime.bigint())
      }
    }
    server.addEventListener(events.EventQUICServerConnection.name, (event: Event) => {
      const connection = (event as CustomEvent<QUICConnection>).detail
      connection.addEventListener(events.EventQUICConnectionStream.name, (opened: Event) => {
        drain((opened as CustomEvent<QUICStream>).detail).catch(() => undefined)
      })
    })
    await server.start({ host: '127.0.0.1', port: 0 })
    return {
      address: server.port,
      expect(work, done) {
        left = work.count * work.bytes
        finished = done
      },
      close: () => server.stop({ force: true }),
    }
  },

  async send(directory, address): Promise<Sender> {
    const client = await QUICClient.createQUICClient({
      host: '127.0.0.1',
      port: Number(address),
      serverName: 'localhost',
      crypto: {
        ops: {
          randomBytes: async (data) => {
            getRandomValues(new Uint8Array(data))
          },
        },
      },
      config: { ...settings, ...(await credentials(directory, 'sender')) },
      logger,
    })
    const stream = client.connection.newStream('bidi')
    const writer = stream.writable.getWriter()
    return {
      async run(work: Work) {
        const payload = Buffer.alloc(work.bytes, 1)
        const startedNs = process.hrtime.bigint()
        for (let sent = 0; sent < work.count; sent++) await writer.write(payload)
        return { startedNs, endedNs: process.hrtime.bigint(), latenciesUs: [] }
      },
      async close() {
        const destroyed = once(client, events.EventQUICClientDestroyed.name)
        await client.destroy({ force: true })
        await destroyed.catch(() => undefined)
      },
    }
  },
}
