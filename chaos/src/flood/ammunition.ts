import { randomBytes } from 'node:crypto'
import { silentLogger } from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import type { HostPort, UdpPort } from '@nodosum/transport'
import { createQuicTransport } from '@nodosum/transport-quic'
import { readLongHeader } from '../../../packages/transport-quic/src/wire/long-header.ts'
import { makeCertificates } from '../../../packages/transport-quic/test/certificates.ts'

/** Random bytes of every first byte, with which the port tells kinds apart, and of many lengths. */
export function garbage(): Buffer[] {
  return Array.from({ length: 2_048 }, (_, index) => {
    const bytes = randomBytes(1 + ((index * 131) % 1_400))
    bytes[0] = index % 256
    return bytes
  })
}

/**
 * First packets of dialers without a token, and as many with one that nobody has given out. The engine
 * need not open them for that: the token lies before what is encrypted.
 */
export async function tokens(victim: HostPort): Promise<Buffer[]> {
  const without = await initials(victim)
  return without.flatMap((bytes) => [bytes, withToken(bytes)])
}

const tokenBytes = 72

function withToken(bytes: Buffer): Buffer {
  const { idOffset, idLength } = readLongHeader(bytes) ?? { idOffset: 0, idLength: 0 }
  const sourceAt = idOffset + idLength
  const tokenAt = sourceAt + 1 + bytes.readUInt8(sourceAt)
  // A length of two bytes (RFC 9000, section 16) takes the place of the zero.
  const length = Buffer.of(0x40, tokenBytes)
  const parts = [bytes.subarray(0, tokenAt), length, randomBytes(tokenBytes)]
  return Buffer.concat([...parts, bytes.subarray(tokenAt + 1)]).subarray(0, bytes.length)
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
