import { type ClusterName, NodosumError } from '@nodosum/kernel'
import { checkLeaf, type LeafDemands, type Refusal } from '../core/leaf-policy.ts'
import { isTrustDomain } from '../core/spiffe-id.ts'
import type { IdentityMatch, PeerIdentity } from '../ports.ts'
import { chainLengthMax, chainRefusal } from './certificate-chain.ts'
import { type ParsedCertificate, parseCertificate } from './parsed-certificate.ts'
import { readPemCertificates } from './pem.ts'

/** What a peer has to show. */
export interface PeerVerifierOptions {
  readonly cluster: ClusterName
  readonly match: IdentityMatch
  /** PEM of every CA to trust, at most 64. Several while a CA is being replaced. */
  readonly caPem: string
  /** The trust domain of this node's own URI; peers of another one are refused. */
  readonly trustDomain: string
  /** Wall clock, in milliseconds since 1970. */
  readonly now: () => number
  /**
   * With `match: 'cluster'`: the URIs to accept, for instance only this node's own. Without it
   * every certificate of the trust domain is a member, also that of an unrelated workload which
   * shares the CA. Not used with `match: 'node'`, where the URI names the cluster.
   */
  readonly acceptedUris?: readonly string[] | undefined
}

/**
 * Checks what a peer presented, leaf first, each in DER. Throws `ERR_NODOSUM_CERT_UNTRUSTED`,
 * `ERR_NODOSUM_CERT_EXPIRED` or `ERR_NODOSUM_IDENTITY_MISMATCH`.
 */
export type PeerVerifier = (chainDer: readonly Uint8Array[]) => PeerIdentity

/**
 * Makes the check of peers' certificates: a path to a configured CA, dates of every certificate
 * on it, usages, exactly one URI name, trust domain, cluster, node. It trusts nothing that the TLS
 * library says about the peer, because the QUIC binding is given no server name to check.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID for a `caPem` or trust domain that cannot be right
 */
export function createPeerVerifier(options: PeerVerifierOptions): PeerVerifier {
  const authorities = readPemCertificates(options.caPem)
  if (typeof authorities === 'string') {
    throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', `The CA ${authorities}.`)
  }
  if (!isTrustDomain(options.trustDomain)) {
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `${JSON.stringify(options.trustDomain)} is no SPIFFE trust domain: ` +
        'use 1 to 255 characters of a-z 0-9 . _ -',
    )
  }
  const { cluster, match, trustDomain, acceptedUris, now } = options
  const demands: LeafDemands = {
    cluster,
    match,
    trustDomain,
    acceptedUris: acceptedUris === undefined ? undefined : new Set(acceptedUris),
  }
  return (chainDer) => {
    const [leaf, ...presented] = parsePresented(chainDer)
    if (leaf === undefined) throw refused(noCertificate)
    const chain = chainRefusal({ leaf, presented, authorities, nowMs: now() })
    if (chain !== undefined) throw refused(chain)
    const name = checkLeaf(leaf.fields, demands)
    if ('problem' in name) throw refused(name)
    const { fingerprint, notAfterMs } = leaf
    return { nodeId: name.nodeId, uri: name.uri, fingerprint, notAfterMs }
  }
}

const noCertificate: Refusal = {
  code: 'ERR_NODOSUM_CERT_UNTRUSTED',
  problem: 'is missing; every node must present one',
}

function parsePresented(chainDer: readonly Uint8Array[]): ParsedCertificate[] {
  if (chainDer.length > chainLengthMax) {
    throw refused({
      code: 'ERR_NODOSUM_CERT_UNTRUSTED',
      problem: `comes with ${chainDer.length - 1} more, at most ${chainLengthMax - 1} are accepted`,
    })
  }
  return chainDer.map((der, position) => {
    const parsed = parseCertificate(der)
    if (parsed !== undefined) return parsed
    throw refused({
      code: 'ERR_NODOSUM_CERT_UNTRUSTED',
      problem:
        position === 0
          ? 'is not a well-formed X.509 certificate'
          : `comes with a chain whose number ${position + 1} is not a well-formed certificate`,
    })
  })
}

function refused({ code, problem }: Refusal): NodosumError {
  return new NodosumError(code, `The certificate of the peer ${problem}.`)
}
