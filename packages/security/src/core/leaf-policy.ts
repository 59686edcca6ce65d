import type { ClusterName, ErrorCode, NodeId } from '@nodosum/kernel'
import type { IdentityMatch } from '../ports.ts'
import { type CertificateFields, usageClientAuth, usageServerAuth } from './certificate-fields.ts'
import { nodeNamedBy, nodeUri, parseSpiffeId } from './spiffe-id.ts'

/** What a certificate must say to be taken for a node of this cluster. */
export interface LeafDemands {
  readonly cluster: ClusterName
  readonly match: IdentityMatch
  /** Undefined: any, as for a node's own certificate, which defines it. */
  readonly trustDomain: string | undefined
  /** With `match: 'cluster'`: the only URIs to accept; undefined accepts the trust domain. */
  readonly acceptedUris: ReadonlySet<string> | undefined
}

/** What a certificate says. */
export interface LeafName {
  readonly uri: string
  readonly trustDomain: string
  readonly nodeId: NodeId | null
}

/** Why a certificate is refused: words that continue "the certificate of X …". */
export interface Refusal {
  readonly code: ErrorCode
  readonly problem: string
}

/** Longest foreign text in a message. */
export const shownTextMax = 200

/** Foreign text in a message: quoted, escaped, cut. */
export function shown(text: string): string {
  return JSON.stringify(text.length > shownTextMax ? `${text.slice(0, shownTextMax)}…` : text)
}

/** Checks usages and name of a leaf; its chain and dates are checked elsewhere. */
export function checkLeaf(fields: CertificateFields, demands: LeafDemands): LeafName | Refusal {
  return usageRefusal(fields) ?? checkName(fields.uris, demands)
}

/** A CA's own certificate is not a node's. */
export function authorityRefusal(fields: CertificateFields): Refusal | undefined {
  if (!fields.isAuthority && fields.keyUsage?.certificateSign !== true) return undefined
  return untrusted("is a CA certificate; give the node's own, which the CA has issued")
}

function usageRefusal(fields: CertificateFields): Refusal | undefined {
  const authority = authorityRefusal(fields)
  if (authority !== undefined) return authority
  if (fields.notUnderstood.length > 0) {
    return untrusted(`has restrictions that are not supported: ${fields.notUnderstood.join(', ')}`)
  }
  if (fields.keyUsage?.digitalSignature === false) {
    return untrusted('may not sign handshakes; issue it with key usage digitalSignature')
  }
  const usages = fields.extendedKeyUsages ?? []
  const missing = [
    ...(usages.includes(usageServerAuth) ? [] : ['serverAuth']),
    ...(usages.includes(usageClientAuth) ? [] : ['clientAuth']),
  ]
  if (missing.length === 0) return undefined
  return untrusted(
    `lacks the extended key usage ${missing.join(' and ')}; every node dials and is dialed, ` +
      'so issue it with serverAuth and clientAuth',
  )
}

function checkName(uris: readonly string[], demands: LeafDemands): LeafName | Refusal {
  const [uri] = uris
  if (uri === undefined || uris.length !== 1) {
    return untrusted(
      `has ${uris.length === 0 ? 'no URI name' : `${uris.length} URI names`}, ` +
        `exactly one is needed: ${expectedForm(demands)}`,
    )
  }
  const id = parseSpiffeId(uri)
  if (id === undefined) {
    return untrusted(`has the URI name ${shown(uri)}, needed is ${expectedForm(demands)}`)
  }
  if (demands.trustDomain !== undefined && id.trustDomain !== demands.trustDomain) {
    return mismatch(
      `belongs to the trust domain ${shown(id.trustDomain)}, this node to ` +
        `${shown(demands.trustDomain)}`,
    )
  }
  const named = nodeNamedBy(id)
  if (named !== undefined && named.cluster !== demands.cluster) {
    return mismatch(
      `names the cluster ${shown(named.cluster)}, this is ${shown(demands.cluster)}; ` +
        'check `cluster` and which certificate belongs where',
    )
  }
  if (demands.match === 'cluster') {
    if (demands.acceptedUris !== undefined && !demands.acceptedUris.has(uri)) {
      return mismatch(`names the role ${shown(uri)}, which is not accepted in this cluster`)
    }
    return { uri, trustDomain: id.trustDomain, nodeId: null }
  }
  if (named === undefined) {
    return mismatch(
      `names ${shown(uri)}, which is no node: with identity.match 'node' it must be ` +
        `${expectedForm(demands)}; if replicas share one certificate, set identity.match to 'cluster'`,
    )
  }
  return { uri, trustDomain: id.trustDomain, nodeId: named.nodeId }
}

function expectedForm(demands: LeafDemands): string {
  const trustDomain = demands.trustDomain ?? '<trust domain>'
  return demands.match === 'node'
    ? nodeUri(trustDomain, demands.cluster, '<node id>')
    : `spiffe://${trustDomain}/<path>`
}

function untrusted(problem: string): Refusal {
  return { code: 'ERR_NODOSUM_CERT_UNTRUSTED', problem }
}

function mismatch(problem: string): Refusal {
  return { code: 'ERR_NODOSUM_IDENTITY_MISMATCH', problem }
}
