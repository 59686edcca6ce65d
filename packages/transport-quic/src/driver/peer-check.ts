import { isNodosumError, type NodeId, NodosumError } from '@nodosum/kernel'
import type { PeerIdentity, VerifyPeer } from '@nodosum/transport'
import type { EngineConnection } from '../ports.ts'

/** What a peer must fulfil. */
export interface PeerDemands {
  readonly verifyPeer: VerifyPeer
  /** ALPN that must have been agreed. */
  readonly protocol: string
  /** The node that was dialed, when the caller knows. */
  readonly expect: NodeId | undefined
  /** The other end, for messages. */
  readonly peer: string
}

/**
 * Our own check after the handshake. The engine has verified the chain and nothing else: it gets
 * no server name, and it accepts a missing ALPN.
 *
 * @throws NodosumError, always coded, also when `verifyPeer` throws something else
 */
export function checkPeer(engine: EngineConnection, demands: PeerDemands): PeerIdentity {
  const { peer, expect } = demands
  if (engine.isResumed() || engine.isInEarlyData()) {
    throw untrusted(`${peer} resumed an earlier TLS session, which carries no fresh proof`)
  }
  const protocol = Buffer.from(engine.applicationProto()).toString('latin1')
  if (protocol !== demands.protocol) {
    throw new NodosumError(
      'ERR_NODOSUM_VERSION_INCOMPATIBLE',
      `${peer} speaks ${protocol === '' ? 'no application protocol' : JSON.stringify(protocol)}, ` +
        `this node needs ${demands.protocol}: upgrade the older one`,
      { details: { peer, spoken: protocol, needed: demands.protocol } },
    )
  }
  const chain = engine.peerCertChain()
  if (chain === null || chain.length === 0) throw untrusted(`${peer} presented no certificate`)
  const identity = verified(demands, chain)
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
