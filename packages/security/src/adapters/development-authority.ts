import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { type ClusterName, isNodosumError, type NodeId, NodosumError } from '@nodosum/kernel'
import { writeFileAtomic } from '@nodosum/kernel/node'
import { nodeUri } from '../core/spiffe-id.ts'
import { securityOptions } from '../options.ts'
import type { Identity } from '../ports.ts'
import type { IssuingKey } from './certificate-issuer.ts'
import { withFileLock } from './file-lock.ts'
import { generateGossipKey, parseGossipKey } from './gossip-key.ts'
import { loadIdentity } from './load-identity.ts'
import { readPemCertificates } from './pem.ts'
import { ensurePrivateDirectory, readPrivateFile } from './private-directory.ts'

export interface DevelopmentIdentityOptions {
  /** Shared by all nodes of one cluster and user on one machine; made with mode 0700. */
  readonly directory: string
  readonly cluster: ClusterName
  readonly nodeId: NodeId
  /** Wall clock, in milliseconds since 1970. */
  readonly wallMs: number
  /** How long to wait for another start; default `developmentLockWaitMs` of the options. */
  readonly lockWaitMs?: number | undefined
}

/** The trust domain of development certificates; never one of a real issuer. */
export const developmentTrustDomain = 'development'

const dayMs = 86_400_000
const hourMs = 3_600_000
const authorityDays = 365
const authorityRenewDays = 30
const leafDays = 7
const authorityName = 'Nodosum development CA'

const authorityFile = 'ca.pem'
const authorityKeyFile = 'ca-key.pem'
const gossipKeyFile = 'gossip-key'
const lockFile = 'lock'

/**
 * An identity for development, from a CA that the first start makes in the directory: any number
 * of first starts at once end with the same one. The CA is valid for a year and renewed, with the
 * same key, when less than 30 days are left; so nodes that run meanwhile keep trusting each other.
 * The certificate is new at every start, valid for 7 days, and kept in memory only.
 *
 * Whoever can read the directory can join the cluster: it is for one user on one machine.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID the directory or a file in it cannot be used or trusted, or
 *   its lock was not released in time; the message names the file
 */
export async function developmentIdentity(options: DevelopmentIdentityOptions): Promise<Identity> {
  const { directory, cluster, nodeId, wallMs } = options
  const uri = nodeUri(developmentTrustDomain, cluster, nodeId)
  const issuer = await import('./certificate-issuer.ts')
  const authority = await locked(directory, options.lockWaitMs, () =>
    sharedAuthority(directory, wallMs, issuer.issueAuthority),
  )
  const key = newKey()
  const certificate = await issuer.issueLeaf({
    commonName: nodeId,
    uri,
    key,
    issuer: authority.key,
    issuerCommonName: authorityName,
    notBeforeMs: wallMs - hourMs,
    notAfterMs: wallMs + leafDays * dayMs,
  })
  return loadIdentity(
    { certificate, key: privatePem(key), ca: authority.certificatePem, match: 'node' },
    { cluster, wallMs, nodeId },
  )
}

/**
 * The gossip key that all nodes with this directory share; the first start makes it.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID as {@link developmentIdentity}
 */
export async function developmentGossipKey(
  directory: string,
  options: { readonly lockWaitMs?: number | undefined } = {},
): Promise<string> {
  const path = join(directory, gossipKeyFile)
  return locked(directory, options.lockWaitMs, async () => {
    const found = (await readPrivateFile(path))?.trim()
    if (found !== undefined) {
      parseGossipKey(found, path)
      return found
    }
    const made = generateGossipKey()
    await writeFileAtomic(path, `${made}\n`, { mode: 0o600 })
    return made
  })
}

interface Authority {
  readonly certificatePem: string
  readonly key: IssuingKey
}

async function locked<T>(
  directory: string,
  lockWaitMs: number | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const given = lockWaitMs === undefined ? {} : { developmentLockWaitMs: lockWaitMs }
  const { developmentLockWaitMs } = securityOptions.parse(given)
  await ensurePrivateDirectory(directory)
  try {
    return await withFileLock(join(directory, lockFile), developmentLockWaitMs, work)
  } catch (error) {
    if (isNodosumError(error)) throw error
    // A full or read-only disk, or a file system without hard links.
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `The development directory ${directory} cannot be used: ${(error as Error).message}. ` +
        'It needs a local file system with free space and hard links.',
      { cause: error, details: { directory } },
    )
  }
}

/** Only under the lock. The key is written first: a certificate without it would be useless. */
async function sharedAuthority(
  directory: string,
  wallMs: number,
  issueAuthority: typeof import('./certificate-issuer.ts').issueAuthority,
): Promise<Authority> {
  const certificatePath = join(directory, authorityFile)
  const keyPath = join(directory, authorityKeyFile)
  const certificatePem = await readPrivateFile(certificatePath)
  const keyPem = await readPrivateFile(keyPath)
  if (keyPem === undefined && certificatePem !== undefined) {
    throw broken(directory, `${keyPath} is missing beside ${certificatePath}`)
  }
  const key = keyPem === undefined ? newKey() : readKey(directory, keyPath, keyPem)
  if (certificatePem !== undefined) {
    const left = validForMs(directory, certificatePath, certificatePem, key, wallMs)
    if (left >= authorityRenewDays * dayMs) return { certificatePem, key }
  }
  if (keyPem === undefined) await writeFileAtomic(keyPath, privatePem(key), { mode: 0o600 })
  const made = await issueAuthority({
    commonName: authorityName,
    key,
    notBeforeMs: wallMs - dayMs,
    notAfterMs: wallMs + authorityDays * dayMs,
  })
  await writeFileAtomic(certificatePath, made, { mode: 0o600 })
  return { certificatePem: made, key }
}

/** How long the certificate still holds; negative also before it begins, after a clock went back. */
function validForMs(
  directory: string,
  path: string,
  pem: string,
  key: IssuingKey,
  wallMs: number,
): number {
  const certificates = readPemCertificates(pem)
  if (typeof certificates === 'string') throw broken(directory, `${path} ${certificates}`)
  const [certificate] = certificates
  if (certificate === undefined || !certificate.x509.checkPrivateKey(key.privateKey)) {
    throw broken(directory, `${path} does not belong to ${authorityKeyFile}`)
  }
  return wallMs - hourMs < certificate.notBeforeMs ? -1 : certificate.notAfterMs - wallMs
}

function readKey(directory: string, path: string, pem: string): IssuingKey {
  try {
    const privateKey = createPrivateKey(pem)
    if (privateKey.asymmetricKeyDetails?.namedCurve === 'prime256v1') {
      return { privateKey, publicKey: createPublicKey(privateKey) }
    }
  } catch {
    // Same problem, same words.
  }
  throw broken(directory, `${path} is not the key that was written there`)
}

function newKey(): IssuingKey {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function privatePem(key: IssuingKey): string {
  return key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function broken(directory: string, problem: string): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `The development CA is damaged: ${problem}. ` +
      `Stop all nodes that use it, delete ${directory} and start again.`,
    { details: { directory } },
  )
}
