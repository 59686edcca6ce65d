import { type ClusterName, isClusterName, isNodeId, type NodeId } from '@nodosum/kernel'

/** A SPIFFE id, taken apart. */
export interface SpiffeId {
  readonly uri: string
  /** Who issues: lower-case letters, digits, dots, dashes, underscores. */
  readonly trustDomain: string
  /** The path's segments; at least one. */
  readonly segments: readonly string[]
}

/** The node that a SPIFFE id of Nodosum's form names. */
export interface NamedNode {
  readonly cluster: ClusterName
  readonly nodeId: NodeId
}

/** Longest SPIFFE id in bytes. Source: the SPIFFE ID standard, section 2.3. */
export const spiffeIdBytesMax = 2_048

const scheme = 'spiffe://'
// 255 bytes at most. Source: the same section.
const trustDomainPattern = /^[a-z0-9._-]{1,255}$/
const segmentPattern = /^[A-Za-z0-9._-]+$/

/** Whether the text can be a trust domain. */
export function isTrustDomain(text: string): boolean {
  return trustDomainPattern.test(text)
}

/**
 * Parses `spiffe://<trust domain>/<path>` as the SPIFFE ID standard writes it: no escapes, port,
 * user, query or fragment; no empty, `.` or `..` segment. Undefined for anything else.
 */
export function parseSpiffeId(uri: string): SpiffeId | undefined {
  if (uri.length > spiffeIdBytesMax || !uri.startsWith(scheme)) return undefined
  const [trustDomain = '', ...segments] = uri.slice(scheme.length).split('/')
  if (!isTrustDomain(trustDomain) || segments.length === 0) return undefined
  if (!segments.every(isSegment)) return undefined
  return { uri, trustDomain, segments }
}

/** The node in `spiffe://<trust domain>/nodosum/<cluster>/<node id>`; undefined for other forms. */
export function nodeNamedBy(id: SpiffeId): NamedNode | undefined {
  const [first, cluster, nodeId] = id.segments
  if (id.segments.length !== 3 || first !== 'nodosum') return undefined
  return isClusterName(cluster) && isNodeId(nodeId) ? { cluster, nodeId } : undefined
}

/** The URI that a node's certificate carries with `match: 'node'`. */
export function nodeUri(trustDomain: string, cluster: string, nodeId: string): string {
  return `${scheme}${trustDomain}/nodosum/${cluster}/${nodeId}`
}

function isSegment(text: string): boolean {
  return segmentPattern.test(text) && text !== '.' && text !== '..'
}
