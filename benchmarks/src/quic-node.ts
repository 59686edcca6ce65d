/** Two ends of the QUIC transport alone. */
import { silentLogger } from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import { createPeerVerifier } from '@nodosum/security'
import { bindUdpPort } from '@nodosum/transport'
import { createQuicTransport } from '@nodosum/transport-quic'
import { cluster, credentialsOf } from './credentials.ts'
import type { StartTransport } from './transport-subjects.ts'

/** Both processes of a pair have one address, and dial as fast as they can. */
const manyConnections = {
  connectionsMax: 4_096,
  halfOpenMax: 4_096,
  acceptsPerSecond: 100_000,
  acceptBurst: 100_000,
  connectTimeoutMs: 60_000,
}

/** With packets of so many bytes; `auto` is what users get. */
export function quicWith(packetBytes: 'auto' | number): StartTransport {
  return async (directory, nodeId) => {
    const credentials = await credentialsOf(directory, nodeId)
    const udp = await bindUdpPort({ host: '127.0.0.1', port: 0 })
    const transport = await createQuicTransport({
      udp,
      credentials,
      verifyPeer: createPeerVerifier({
        cluster,
        match: 'node',
        caPem: credentials.caPem,
        trustDomain: credentials.uri.split('/')[2] ?? '',
        now: Date.now,
      }),
      scheduler: systemScheduler(),
      random: systemRandom(),
      logger: silentLogger,
      options: { ...manyConnections, packetBytes },
    })
    return {
      transport,
      close: async () => {
        await transport.close()
        await udp.close()
      },
    }
  }
}
