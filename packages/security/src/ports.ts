/** What this package and its neighbours must agree on; structural, so nobody imports anybody. */
import type { NodeId } from '@nodosum/kernel'

/** What a node shows to its peers, checked before it is handed out. */
export interface Identity {
  /** PEM: the leaf first, then the intermediates to present; the root is not in it. */
  readonly certificatePem: string
  /** PEM, PKCS#8, not encrypted. Secret: never log it. */
  readonly keyPem: string
  /** PEM: every CA that peers may chain to; several while a CA is being replaced. */
  readonly caPem: string
  /** The node that the certificate names; null with `match: 'cluster'`. */
  readonly nodeId: NodeId | null
  /** The one URI of the certificate, for example `spiffe://example.org/nodosum/shop/shop-1`. */
  readonly uri: string
  /** When the certificate ends, in milliseconds since 1970 (UTC). */
  readonly notAfterMs: number
}

/** Who is at the other end, taken from a certificate after every check passed. */
export interface PeerIdentity {
  /** The node that the certificate names; null with `match: 'cluster'`. */
  readonly nodeId: NodeId | null
  /** The one URI of the certificate. */
  readonly uri: string
  /** SHA-256 of the leaf certificate in DER, 64 lower-case hexadecimal characters. */
  readonly fingerprint: string
  /** When the leaf certificate ends, in milliseconds since 1970 (UTC). */
  readonly notAfterMs: number
}

/**
 * `node`: the certificate names the node it belongs to. `cluster`: replicas share one certificate
 * that names their role (cert-manager's csi-driver-spiffe), and the node id comes from elsewhere.
 */
export type IdentityMatch = 'node' | 'cluster'
