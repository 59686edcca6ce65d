import { isNodosumError, type NodeId, NodosumError } from '@nodosum/kernel'
import type { PeerIdentity, VerifyPeer } from '@nodosum/transport'
import type { PeerProof } from '../ports.ts'

/** ALPN that must have been agreed on. */
const protocol = 'h2'
const expiryCodes: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/** What a peer must fulfil. */
export interface PeerDemands {
  readonly verifyPeer: VerifyPeer
  /** The node that was dialed, when the caller knows. */
  readonly expect: NodeId | undefined
  /** The other end, for messages. */
  readonly peer: string
}

/**
 * The check after the handshake of TLS and before anything else. TLS was told to refuse nobody, so
 * that a refusal can be explained; its verdict is the first thing that counts here.
 *
 * @throws NodosumError, always coded, also when `verifyPeer` throws something else
 */
export function checkPeer(proof: PeerProof, demands: PeerDemands): PeerIdentity {
  const { peer, expect } = demands
  if (proof.isResumed) {
    throw untrusted(`${peer} resumed an earlier TLS session, which carries no fresh proof`)
  }
  if (proof.protocol !== protocol) {
    const spoken = proof.protocol === '' ? 'no application protocol' : proof.protocol
    throw new NodosumError(
      'ERR_NODOSUM_VERSION_INCOMPATIBLE',
      `${peer} speaks ${spoken}, this node needs ${protocol}: is it a node at all?`,
      { details: { peer, spoken: proof.protocol, needed: protocol } },
    )
  }
  if (proof.chain.length === 0) throw untrusted(`${peer} presented no certificate`)
  if (proof.distrust !== null) throw distrusted(peer, proof.distrust)
  const identity = verified(demands, proof.chain)
  if (expect !== undefined && identity.nodeId !== null && identity.nodeId !== expect) {
    throw new NodosumError(
      'ERR_NODOSUM_IDENTITY_MISMATCH',
      `${peer} was dialed as node ${expect}, but its certificate names ${identity.nodeId}: ` +
        'the address belongs to another node now, or the certificates are mixed up',
      { details: { expected: expect, got: identity.nodeId, peer } },
    )
  }
  return identity
}

function distrusted(peer: string, verdict: string): NodosumError {
  return new NodosumError(
    expiryCodes.has(verdict) ? 'ERR_NODOSUM_CERT_EXPIRED' : 'ERR_NODOSUM_CERT_UNTRUSTED',
    `the certificate of ${peer} was refused: ${verdict}`,
    { details: { peer, verdict } },
  )
}

function verified(demands: PeerDemands, chain: readonly Uint8Array[]): PeerIdentity {
  try {
    return demands.verifyPeer(chain)
  } catch (error) {
    if (isNodosumError(error)) throw error
    const words = error instanceof Error ? error.message : String(error)
    throw untrusted(`the certificate of ${demands.peer} could not be checked: ${words}`, error)
  }
}

function untrusted(message: string, cause?: unknown): NodosumError {
  return new NodosumError('ERR_NODOSUM_CERT_UNTRUSTED', message, { cause })
}
