import { randomBytes } from 'node:crypto'
import { silentLogger } from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import type { HostPort, UdpPort } from '@nodosum/transport'
import { createQuicTransport } from '@nodosum/transport-quic'
import { makeCertificates } from '../../../packages/transport-quic/test/certificates.ts'

/** Random bytes of every first byte, with which the port tells kinds apart, and of many lengths. */
export function garbage(): Buffer[] {
  return Array.from({ length: 2_048 }, (_, index) => {
    const bytes = randomBytes(1 + ((index * 131) % 1_400))
    bytes[0] = index % 256
    return bytes
  })
}

/** First packets of real QUIC handshakes without a seal, each for a connection of its own. */
export async function initials(victim: HostPort): Promise<Buffer[]> {
  const captured: Buffer[] = []
  const certificates = makeCertificates()
  const udp: UdpPort = {
    address: { host: '127.0.0.1', port: 9 },
    sendsInFlight: 0,
    send: (bytes) => void captured.push(Buffer.from(bytes)),
    onQuic: null,
    onPacket: null,
    stats: () => {
      throw new Error('nobody asks')
    },
    close: () => Promise.resolve(),
  }
  const transport = await createQuicTransport({
    udp,
    credentials: certificates.issue('spiffe://flood/nodosum/flood/stranger'),
    verifyPeer: () => {
      throw new Error('nobody answers')
    },
    scheduler: systemScheduler(),
    random: systemRandom(),
    logger: silentLogger,
  })
  const dials = Array.from({ length: 512 }, () => transport.connect(victim))
  const ended = Promise.allSettled(dials)
  while (captured.length < dials.length) await new Promise((resolve) => setImmediate(resolve))
  await transport.close()
  await ended
  certificates.remove()
  return captured.slice(0, dials.length)
}
