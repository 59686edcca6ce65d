import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeFileAtomic } from '@nodosum/kernel/node'
import type { MembershipSnapshot, PacketAddress } from '../core/effects.ts'
import type { SnapshotStore } from '../ports.ts'

/**
 * Keeps the snapshot in a file, replaced as a whole. A file that is missing or damaged counts as
 * none: the node then learns its epoch from the cluster.
 */
export function snapshotFile(path: string): SnapshotStore {
  return {
    load: async () => parse(await readFile(path, 'utf8').catch(() => '')),
    save: async (snapshot) => {
      await mkdir(dirname(path), { recursive: true })
      await writeFileAtomic(path, `${JSON.stringify(snapshot)}\n`)
    },
  }
}

function parse(text: string): MembershipSnapshot | undefined {
  try {
    const { epoch, peers } = JSON.parse(text) as { epoch: unknown; peers: unknown }
    const isEpoch = typeof epoch === 'number' && Number.isSafeInteger(epoch) && epoch >= 0
    if (!isEpoch || !Array.isArray(peers)) return undefined
    return { epoch, peers: peers.filter(isAddress).map(({ host, port }) => ({ host, port })) }
  } catch {
    return undefined
  }
}

function isAddress(value: unknown): value is PacketAddress {
  if (typeof value !== 'object' || value === null) return false
  const { host, port } = value as { host: unknown; port: unknown }
  return typeof host === 'string' && Number.isInteger(port) && Number(port) > 0
}
