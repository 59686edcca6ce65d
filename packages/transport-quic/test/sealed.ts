/** Seals as a node has them: one key for all, and one name, so that proxies change nothing. */
import { type BootId, newBootId, parseClusterName } from '@nodosum/kernel'
import { systemRandom } from '@nodosum/kernel/node'
import {
  createPacketSeal,
  type GossipKey,
  GossipKeyRing,
  generateGossipKey,
  type PacketSeal,
  parseGossipKey,
  sealOverheadBytes,
} from '@nodosum/security'
import { datagramKind, type HostPort, type UdpPort } from '@nodosum/transport'
import type { SealedHandshakes } from '../src/ports.ts'
import { hasLongHeader } from '../src/wire/long-header.ts'

const sharedName = 'anyone'
/** The same in every process of a test. */
const sharedKey: GossipKey = parseGossipKey(`ngk1_${Buffer.alloc(32, 7).toString('base64url')}`, '')

export function freshKey(): GossipKey {
  return parseGossipKey(generateGossipKey(), 'test')
}

/** The seal of one process, and what it is for the transport. */
export interface TestSeal extends SealedHandshakes {
  readonly seal: PacketSeal
  readonly bootId: BootId
  readonly ring: GossipKeyRing
}

export interface TestSealOptions {
  readonly keys?: readonly GossipKey[]
  /** Who is known at an address; by default everybody is known everywhere. */
  readonly processAt?: (address: HostPort) => string | undefined
}

export function testSeal({ keys = [sharedKey], processAt }: TestSealOptions = {}): TestSeal {
  const ring = new GossipKeyRing(keys)
  const bootId = newBootId(systemRandom())
  const cluster = parseClusterName('shop')
  const seal = createPacketSeal({ purpose: 'handshake', ring, cluster, name: sharedName, bootId })
  return {
    seal,
    bootId,
    ring,
    overheadBytes: sealOverheadBytes,
    processAt: processAt ?? (() => sharedName),
  }
}

/** A port for engines without our driver: seals what has a long header, and opens what is sealed. */
export function sealedPort(port: UdpPort, { seal, processAt }: SealedHandshakes): UdpPort {
  return {
    address: port.address,
    get sendsInFlight() {
      return port.sendsInFlight
    },
    send: (bytes, to) => {
      const recipient = hasLongHeader(bytes[0] as number) ? processAt(to) : undefined
      port.send(recipient === undefined ? bytes : seal.seal(bytes, recipient), to)
    },
    get onQuic() {
      return port.onQuic
    },
    set onQuic(callback) {
      port.onQuic = (bytes, from) => {
        const isSealed = datagramKind(bytes[0] as number) === 'handshake'
        const content = isSealed ? seal.open(bytes) : bytes
        if (content !== undefined) callback?.(Buffer.from(content), from)
      }
    },
    get onPacket() {
      return port.onPacket
    },
    set onPacket(callback) {
      port.onPacket = callback
    },
    stats: () => port.stats(),
    close: () => port.close(),
  }
}
