/** Two ends of the HTTP/2 transport alone. */
import { silentLogger } from '@nodosum/kernel'
import { systemScheduler } from '@nodosum/kernel/node'
import { createPeerVerifier } from '@nodosum/security'
import { createH2Transport } from '@nodosum/transport-h2'
import { cluster, credentialsOf } from './credentials.ts'
import type { StartTransport } from './transport-subjects.ts'

const host = '127.0.0.1'
/** Both processes of a pair have one address, and dial as fast as they can. */
const manyConnections = {
  connectionsMax: 4_096,
  connectionsPerSourceMax: 4_096,
  halfOpenMax: 4_096,
  halfOpenPerSourceMax: 4_096,
  acceptsPerSecond: 100_000,
  acceptBurst: 100_000,
  connectTimeoutMs: 60_000,
}

export const startH2: StartTransport = async (directory, nodeId) => {
  const credentials = await credentialsOf(directory, nodeId)
  const transport = createH2Transport({
    host,
    port: 0,
    credentials,
    verifyPeer: createPeerVerifier({
      cluster,
      match: 'node',
      caPem: credentials.caPem,
      trustDomain: credentials.uri.split('/')[2] ?? '',
      now: Date.now,
    }),
    scheduler: systemScheduler(),
    logger: silentLogger,
    options: manyConnections,
  })
  return { transport, close: () => transport.close() }
}
