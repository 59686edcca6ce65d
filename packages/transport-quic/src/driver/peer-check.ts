import { NodosumError } from '@nodosum/kernel'
import {
  identifyPeer,
  type PeerDemands,
  type PeerIdentity,
  resumedSession,
} from '@nodosum/transport'
import type { EngineConnection } from '../ports.ts'

/** What a peer of this transport must fulfil. */
interface QuicPeerDemands extends PeerDemands {
  /** ALPN that must have been agreed. */
  readonly protocol: string
}

/**
 * Our own check after the handshake. The engine has verified the chain and nothing else: it gets
 * no server name, and it accepts a missing ALPN.
 *
 * @throws NodosumError, always coded, also when `verifyPeer` throws something else
 */
export function checkPeer(engine: EngineConnection, demands: QuicPeerDemands): PeerIdentity {
  const { peer } = demands
  if (engine.isResumed() || engine.isInEarlyData()) throw resumedSession(peer)
  const protocol = Buffer.from(engine.applicationProto()).toString('latin1')
  if (protocol !== demands.protocol) {
    throw new NodosumError(
      'ERR_NODOSUM_VERSION_INCOMPATIBLE',
      `${peer} speaks ${protocol === '' ? 'no application protocol' : JSON.stringify(protocol)}, ` +
        `this node needs ${demands.protocol}: upgrade the older one`,
      { details: { peer, spoken: protocol, needed: demands.protocol } },
    )
  }
  return identifyPeer(engine.peerCertChain(), demands)
}
