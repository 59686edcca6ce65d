import { NodosumError } from '@nodosum/kernel'
import {
  identifyPeer,
  type PeerDemands,
  type PeerIdentity,
  resumedSession,
} from '@nodosum/transport'
import type { PeerProof } from '../ports.ts'

/** ALPN that must have been agreed on. */
const protocol = 'h2'
const expiryCodes: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/**
 * The check after the handshake of TLS and before anything else. TLS was told to refuse nobody, so
 * that a refusal can be explained; its verdict is the first thing that counts here.
 *
 * @throws NodosumError, always coded, also when `verifyPeer` throws something else
 */
export function checkPeer(proof: PeerProof, demands: PeerDemands): PeerIdentity {
  const { peer } = demands
  if (proof.isResumed) throw resumedSession(peer)
  if (proof.protocol !== protocol) {
    const spoken = proof.protocol === '' ? 'no application protocol' : proof.protocol
    throw new NodosumError(
      'ERR_NODOSUM_VERSION_INCOMPATIBLE',
      `${peer} speaks ${spoken}, this node needs ${protocol}: is it a node at all?`,
      { details: { peer, spoken: proof.protocol, needed: protocol } },
    )
  }
  if (proof.chain.length > 0 && proof.distrust !== null) throw distrusted(peer, proof.distrust)
  return identifyPeer(proof.chain, demands)
}

function distrusted(peer: string, verdict: string): NodosumError {
  return new NodosumError(
    expiryCodes.has(verdict) ? 'ERR_NODOSUM_CERT_EXPIRED' : 'ERR_NODOSUM_CERT_UNTRUSTED',
    `the certificate of ${peer} was refused: ${verdict}`,
    { details: { peer, verdict } },
  )
}
