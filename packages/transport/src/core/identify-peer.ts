import { isNodosumError, type NodeId, NodosumError } from '@nodosum/kernel'
import type { PeerIdentity, VerifyPeer } from '../contract.ts'

/** What a peer must fulfil, whatever the transport. */
export interface PeerDemands {
  readonly verifyPeer: VerifyPeer
  /** The node that was dialed, when the caller knows. */
  readonly expect: NodeId | undefined
  /** The other end, for messages. */
  readonly peer: string
}

/**
 * Who is at the other end of a handshake that has proved possession of a key: the last check before
 * a connection counts, the same for every transport.
 *
 * @param chain what the peer presented, leaf first, each in DER; empty or null when it was nothing
 * @throws NodosumError, always coded, also when `verifyPeer` throws something else
 */
export function identifyPeer(
  chain: readonly Uint8Array[] | null,
  demands: PeerDemands,
): PeerIdentity {
  const { peer, expect } = demands
  if (chain === null || chain.length === 0) throw untrusted(`${peer} presented no certificate`)
  const identity = verified(chain, demands)
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

/** A resumed session carries no fresh proof: who it was then says nothing of who it is now. */
export function resumedSession(peer: string): NodosumError {
  return untrusted(`${peer} resumed an earlier TLS session, which carries no fresh proof`)
}

function verified(chain: readonly Uint8Array[], { verifyPeer, peer }: PeerDemands): PeerIdentity {
  try {
    return verifyPeer(chain)
  } catch (error) {
    if (isNodosumError(error)) throw error
    const words = error instanceof Error ? error.message : String(error)
    throw untrusted(`the certificate of ${peer} could not be checked: ${words}`, error)
  }
}

function untrusted(message: string, cause?: unknown): NodosumError {
  return new NodosumError('ERR_NODOSUM_CERT_UNTRUSTED', message, { cause })
}
