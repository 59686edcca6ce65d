import { NodosumError } from './nodosum-error.ts'

declare const brand: unique symbol

/** Names one node over the restarts of its process. */
export type NodeId = string & { readonly [brand]: 'NodeId' }
/** Names a cluster; nodes with different names never talk. */
export type ClusterName = string & { readonly [brand]: 'ClusterName' }
/** Names a module's endpoint on the nodes that run it. */
export type ApplicationId = string & { readonly [brand]: 'ApplicationId' }
/** Names a lane of an application. */
export type StreamName = string & { readonly [brand]: 'StreamName' }

const lengthMax = 64
const namePattern = /^[A-Za-z0-9._-]{1,64}$/

/** Whether the value can name a node: 1 to 64 of `A-Z a-z 0-9 . _ -`, and not `.` or `..`. */
export function isNodeId(value: unknown): value is NodeId {
  return isName(value)
}

/**
 * Makes a node id of a value.
 *
 * @param where what the value is called where it came from, for the message
 * @throws `ERR_NODOSUM_CONFIG_INVALID` that says what is wrong with it
 */
export function parseNodeId(value: unknown, where?: string): NodeId {
  return parseName(value, 'node id', where) as NodeId
}

/** Whether the value can name a cluster; the same rule as {@link isNodeId}. */
export function isClusterName(value: unknown): value is ClusterName {
  return isName(value)
}

/** Makes a cluster name of a value. @throws `ERR_NODOSUM_CONFIG_INVALID` as {@link parseNodeId} */
export function parseClusterName(value: unknown, where?: string): ClusterName {
  return parseName(value, 'cluster name', where) as ClusterName
}

/** Whether the value can name an application; the same rule as {@link isNodeId}. */
export function isApplicationId(value: unknown): value is ApplicationId {
  return isName(value)
}

/** Makes an application id of a value. @throws `ERR_NODOSUM_CONFIG_INVALID` as {@link parseNodeId} */
export function parseApplicationId(value: unknown, where?: string): ApplicationId {
  return parseName(value, 'application id', where) as ApplicationId
}

/** Whether the value can name a lane; the same rule as {@link isNodeId}. */
export function isStreamName(value: unknown): value is StreamName {
  return isName(value)
}

/** Makes a lane name of a value. @throws `ERR_NODOSUM_CONFIG_INVALID` as {@link parseNodeId} */
export function parseStreamName(value: unknown, where?: string): StreamName {
  return parseName(value, 'lane name', where) as StreamName
}

function isName(value: unknown): value is string {
  // '.' and '..' would walk directories where a name becomes part of a path; SPIFFE forbids them.
  return typeof value === 'string' && namePattern.test(value) && value !== '.' && value !== '..'
}

function parseName(value: unknown, what: string, where: string | undefined): string {
  if (isName(value)) return value
  const rule = `use 1 to ${lengthMax} characters of A-Z a-z 0-9 . _ -`
  throw new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `${where ?? what}: ${complaint(value)}; ${article(what)} ${what} must be: ${rule}`,
    { details: { where: where ?? what } },
  )
}

function article(what: string): string {
  return /^[aeiou]/.test(what) ? 'an' : 'a'
}

function complaint(value: unknown): string {
  if (value === undefined) return 'nothing was given'
  if (value === null) return 'got null'
  if (typeof value === 'object') return 'got an object'
  if (typeof value !== 'string') return `got a ${typeof value}`
  if (value === '') return 'got an empty string'
  if (value === '.' || value === '..') return `'${value}' is a path`
  if (value.length > lengthMax) return `got ${value.length} characters`
  const foreign = /[^A-Za-z0-9._-]/u.exec(value)
  const position = (foreign?.index ?? 0) + 1
  return `${JSON.stringify(value)} has ${JSON.stringify(foreign?.[0])} at position ${position}`
}
