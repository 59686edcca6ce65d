import { mkdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import {
  type ClusterName,
  invariant,
  isNodeId,
  type NodeId,
  NodosumError,
  parseNodeId,
  type Random,
} from '@nodosum/kernel'
import { writeFileAtomic } from '@nodosum/kernel/node'
import {
  developmentGossipKey,
  developmentIdentity,
  type GossipKey,
  type Identity,
  loadIdentity,
  parseGossipKey,
} from '@nodosum/security'
import type { IdentityOptions, NodeConfig } from './node-options.ts'

/** Who this node is and what it proves it with. */
export interface Credentials {
  readonly nodeId: NodeId
  readonly identity: Identity
  readonly match: 'node' | 'cluster'
  readonly gossipKeys: readonly GossipKey[]
  /** The directory that the nodes of profile development share; null elsewhere. */
  readonly developmentDirectory: string | null
}

/**
 * Finds the node's id, certificate and gossip keys.
 *
 * @throws `CONFIG_INVALID`, `CERT_UNTRUSTED`, `CERT_EXPIRED`, `IDENTITY_MISMATCH`
 */
export async function findCredentials(config: NodeConfig, random: Random): Promise<Credentials> {
  const cluster = config.cluster as ClusterName
  return config.profile === 'development'
    ? await developmentCredentials(config, cluster, random)
    : await configuredCredentials(config, cluster, random)
}

async function developmentCredentials(
  config: NodeConfig,
  cluster: ClusterName,
  random: Random,
): Promise<Credentials> {
  const directory = developmentDirectoryOf(config, cluster)
  const nodeId = await resolveNodeId(config, null, random)
  const identity = await developmentIdentity({ directory, cluster, nodeId, wallMs: Date.now() })
  const key = await developmentGossipKey(directory)
  return {
    nodeId,
    identity,
    match: 'node',
    gossipKeys: [parseGossipKey(key, 'the development gossip key')],
    developmentDirectory: directory,
  }
}

async function configuredCredentials(
  config: NodeConfig,
  cluster: ClusterName,
  random: Random,
): Promise<Credentials> {
  const { identity: source, gossipKeys } = config
  invariant(source !== undefined && gossipKeys !== undefined, 'nodeConfig sees to both')
  const given = config.nodeId === undefined ? undefined : parseNodeId(config.nodeId, 'nodeId')
  const identity = await loadIdentity(source, { cluster, wallMs: Date.now(), nodeId: given })
  return {
    nodeId: await resolveNodeId(config, identity.nodeId, random),
    identity,
    match: source.match,
    gossipKeys: gossipKeys.map((key, index) => parseGossipKey(key, `gossipKeys[${index}]`)),
    developmentDirectory: null,
  }
}

/**
 * The identity that the node presents from now on: its files once more, or others.
 *
 * @throws `CONFIG_INVALID` when there is no file to read again, `CERT_UNTRUSTED`, `CERT_EXPIRED`,
 *   `IDENTITY_MISMATCH` when it names another node
 */
export async function reloadedIdentity(options: {
  readonly config: NodeConfig
  readonly cluster: ClusterName
  readonly nodeId: NodeId
  readonly given: IdentityOptions | undefined
}): Promise<Identity> {
  const { config, cluster, nodeId, given } = options
  const wallMs = Date.now()
  if (config.profile === 'development' && given === undefined) {
    const directory = developmentDirectoryOf(config, cluster)
    return await developmentIdentity({ directory, cluster, nodeId, wallMs })
  }
  const source = given ?? config.identity
  const match = config.identity?.match ?? 'node'
  if (source === undefined || (given === undefined && source.certificateFile === undefined)) {
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      'reloadCertificates: the certificate of this node is not in a file that could be read again; pass the new one',
    )
  }
  const named = match === 'node' ? nodeId : undefined
  return await loadIdentity({ ...source, match }, { cluster, wallMs, nodeId: named })
}

/** The option, else the certificate, else what dataDirectory keeps, else made up. */
async function resolveNodeId(
  config: NodeConfig,
  certified: NodeId | null,
  random: Random,
): Promise<NodeId> {
  if (config.nodeId !== undefined) return parseNodeId(config.nodeId, 'nodeId')
  if (certified !== null) return certified
  const fresh = parseNodeId(`node-${hex(random.bytes(6))}`)
  if (config.dataDirectory === undefined) return fresh
  const file = join(config.dataDirectory, 'node-id')
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw unusable(file, error)
  })
  if (kept !== null) {
    if (isNodeId(kept.trim())) return parseNodeId(kept.trim())
    throw unusable(file, new Error('it does not hold a node id'))
  }
  try {
    await mkdir(config.dataDirectory, { recursive: true })
    await writeFileAtomic(file, `${fresh}\n`, { mode: 0o600 })
  } catch (error) {
    throw unusable(file, error)
  }
  return fresh
}

function developmentDirectoryOf(config: NodeConfig, cluster: ClusterName): string {
  return config.developmentDirectory ?? join(stateDirectory(), 'nodosum', cluster)
}

function unusable(file: string, cause: unknown): NodosumError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const message = `dataDirectory: ${file} cannot be used: ${why}`
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message, { cause })
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Where the XDG Base Directory Specification keeps the state of one user by default. */
function stateDirectory(): string {
  return join(homedir(), '.local', 'state')
}
