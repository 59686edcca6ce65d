import { isNodeId, type NodeId, NodosumError, utf8Decode, utf8Encode } from '@nodosum/kernel'
import type { PeerIdentity } from './transport-shapes.ts'

/** What a certificate says, without the cryptography: nobody in a simulation forges one. */
export interface SimulatedCertificate {
  /** For example `spiffe://test/nodosum/shop/shop-1`; its last part is the node's id. */
  readonly uri: string
  /** Name of the CA that signed it. */
  readonly authority: string
  /** When it ends, in milliseconds since 1970 of the simulated wall clock. */
  readonly notAfterMs: number
}

/** The bytes that stand for its DER. */
export function encodeCertificate(certificate: SimulatedCertificate): Uint8Array {
  const { uri, authority, notAfterMs } = certificate
  return utf8Encode(JSON.stringify({ uri, authority, notAfterMs }))
}

/** What TLS checks: that there is a certificate, who signed it, and its dates. */
export function checkChain(
  chain: readonly Uint8Array[],
  authority: string,
  wallMs: number,
): SimulatedCertificate {
  const [leaf] = chain
  if (leaf === undefined) throw untrusted('it presented no certificate')
  const certificate = decode(leaf)
  if (certificate.authority !== authority) throw untrusted('it comes from another CA')
  if (certificate.notAfterMs > wallMs) return certificate
  throw new NodosumError('ERR_NODOSUM_CERT_EXPIRED', 'the certificate of the peer has ended')
}

/** The identity in a simulated certificate, for a `verifyPeer` that checks further. */
export function simulatedIdentity(chainDer: readonly Uint8Array[]): PeerIdentity {
  const [leaf] = chainDer
  if (leaf === undefined) throw untrusted('it presented no certificate')
  const { uri, notAfterMs } = decode(leaf)
  const name = uri.split('/').at(-1) ?? ''
  const nodeId = isNodeId(name) ? (name as NodeId) : null
  return { nodeId, uri, notAfterMs, fingerprint: digest(leaf) }
}

function decode(der: Uint8Array): SimulatedCertificate {
  return JSON.parse(utf8Decode(der) ?? '') as SimulatedCertificate
}

/** 64 hexadecimal characters that differ between certificates; no cryptography. */
function digest(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, salt) => {
    let hash = 0x811c_9dc5 ^ salt
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193)
    return (hash >>> 0).toString(16).padStart(8, '0')
  })
  return words.join('')
}

function untrusted(why: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CERT_UNTRUSTED', `the peer was refused: ${why}`)
}
