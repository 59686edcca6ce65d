import type { ClusterName, NodeId } from '@nodosum/kernel'
import { type Identity, parseGossipKey } from '@nodosum/security'
import type { Credentials } from '../credentials.ts'

/** The CA that all certificates of a test cluster come from. */
export const testAuthority = 'the test cluster'

/** Long enough for any virtual time. */
const validForMs = 3_153_600_000_000

/**
 * Who a node of a test cluster is. Its certificate is only words, which the simulated transport
 * compares; the gossip key is a real one that everybody knows, so packets are really sealed.
 */
export function testCredentials(nodeId: NodeId, cluster: ClusterName, wallMs: number): Credentials {
  const key = `ngk1_${Buffer.alloc(32, 7).toString('base64url')}`
  return {
    nodeId,
    identity: testIdentity(nodeId, cluster, wallMs),
    match: 'node',
    gossipKeys: [parseGossipKey(key, 'the gossip key of the test cluster')],
    developmentDirectory: null,
  }
}

export function testIdentity(nodeId: NodeId, cluster: ClusterName, wallMs: number): Identity {
  return {
    certificatePem: '',
    keyPem: '',
    caPem: '',
    nodeId,
    uri: `spiffe://test/nodosum/${cluster}/${nodeId}`,
    notAfterMs: wallMs + validForMs,
  }
}
