/** Sessions and streams over QUIC with the packets of loopback, without messaging. */
import { silentLogger } from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import { createPeerVerifier } from '@nodosum/security'
import { bindUdpPort } from '@nodosum/transport'
import { createQuicTransport } from '@nodosum/transport-quic'
import { cluster, credentialsOf } from '../credentials.ts'
import { lanesOver } from '../session-lanes.ts'
import type { Subject } from '../subject.ts'

export const subject: Subject = lanesOver(async (directory, nodeId) => {
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
  })
  return {
    transport,
    close: async () => {
      await transport.close()
      await udp.close()
    },
  }
})
