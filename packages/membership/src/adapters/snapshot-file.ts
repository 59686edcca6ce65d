import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type ErrorCode, NodosumError } from '@nodosum/kernel'
import { storeFailed, writeFileAtomic } from '@nodosum/kernel/node'
import type { MembershipSnapshot, PacketAddress } from '../core/effects.ts'
import type { SnapshotStore } from '../ports.ts'

const kind = 'nodosum-membership'
const version = 1
const header = new RegExp(`^${kind} (\\d{1,9}) ([0-9a-f]{64})$`)

/** More than a snapshot can have: 64 addresses and a number. */
const bytesMax = 65_536

/** Why a file is of no use: what it is called from then on, and what is said. */
interface Flaw {
  readonly suffix: 'damaged' | 'newer' | 'foreign'
  readonly code: ErrorCode
  readonly problem: string
}

/**
 * Keeps the snapshot in a file that is replaced as a whole: a line with the version and a checksum of
 * version and content, and a line of JSON. A file that cannot be used is put aside as `.damaged`,
 * `.newer` (of a later version) or `.foreign` (of another cluster), one of each at most; the node
 * then learns its epoch from the cluster.
 */
export function snapshotFile(path: string, options: { readonly cluster: string }): SnapshotStore {
  const { cluster } = options
  return {
    load: async () => {
      let text: string | undefined
      try {
        text = await read(path)
      } catch (error) {
        return { snapshot: null, problem: storeFailed(what, path, error) }
      }
      if (text === undefined) return { snapshot: null, problem: null }
      const found = parse(text, cluster)
      if (!('suffix' in found)) return { snapshot: found, problem: null }
      return { snapshot: null, problem: await putAside(path, found) }
    },
    save: async (snapshot) => {
      const body = JSON.stringify({ cluster, ...snapshot })
      const text = `${kind} ${version} ${checksum(version, body)}\n${body}\n`
      try {
        await mkdir(dirname(path), { recursive: true })
        await writeFileAtomic(path, text)
      } catch (error) {
        throw storeFailed(what, path, error)
      }
    },
  }
}

const what = 'what membership keeps'

/** Undefined when there is no file; too much reads as a line that is none. */
async function read(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    return size > bytesMax ? '' : await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parse(text: string, cluster: string): MembershipSnapshot | Flaw {
  const [first = '', body = '', ...rest] = text.split('\n')
  const [, digits, sum] = header.exec(first) ?? []
  const isWhole = rest.length === 1 && rest[0] === '' && sum === checksum(Number(digits), body)
  if (!isWhole) return damaged('does not hold what was written there')
  if (Number(digits) !== version) {
    return {
      suffix: 'newer',
      code: 'ERR_NODOSUM_VERSION_INCOMPATIBLE',
      problem: `has version ${digits}, this release reads version ${version}`,
    }
  }
  const { cluster: other, epoch, peers } = JSON.parse(body) as Record<string, unknown>
  if (other !== cluster) {
    return {
      suffix: 'foreign',
      code: 'ERR_NODOSUM_CLUSTER_MISMATCH',
      problem: `is of the cluster ${JSON.stringify(other)}, this node belongs to "${cluster}"`,
    }
  }
  const isEpoch = typeof epoch === 'number' && Number.isSafeInteger(epoch) && epoch >= 0
  if (!isEpoch || !Array.isArray(peers)) return damaged('has no epoch or no addresses')
  return { epoch, peers: peers.filter(isAddress).map(({ host, port }) => ({ host, port })) }
}

function damaged(problem: string): Flaw {
  return { suffix: 'damaged', code: 'ERR_NODOSUM_STORE_CORRUPT', problem }
}

function checksum(ofVersion: number, body: string): string {
  return createHash('sha256').update(`${ofVersion}\n${body}`).digest('hex')
}

async function putAside(path: string, { suffix, code, problem }: Flaw): Promise<NodosumError> {
  const aside = `${path}.${suffix}`
  const moved = await rename(path, aside).then(
    () => `it was moved to ${aside}`,
    (error: Error) => `it could not be moved to ${aside} (${error.message})`,
  )
  return new NodosumError(
    code,
    `${path} ${problem}: ${moved}, and this node learns from the cluster which epoch to exceed`,
    { details: { path, aside } },
  )
}

function isAddress(value: unknown): value is PacketAddress {
  if (typeof value !== 'object' || value === null) return false
  const { host, port } = value as { host: unknown; port: unknown }
  return typeof host === 'string' && Number.isInteger(port) && Number(port) > 0
}
