import { type BootId, isBootId, isNodeId, type NodeId } from '@nodosum/kernel'
import type { Announcement, HostPort } from '../discovery.ts'
import { isDialable } from './seed-address.ts'

/** What a node writes into the shared directory about itself. */
export interface NodeRecord extends Announcement {
  readonly pid: number
  /** Name of the machine; process ids of another one say nothing here. */
  readonly machine: string
}

/** Largest record file. */
export const recordBytesMax = 4_096

export function recordText(record: NodeRecord): string {
  const { nodeId, bootId, address, pid, machine } = record
  return `${JSON.stringify({ version: 1, nodeId, bootId, address, pid, machine })}\n`
}

/** Parses a record; undefined when it is none of this version. */
export function parseRecord(text: string): NodeRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { version, nodeId, bootId, address, pid, machine } = value as Record<string, unknown>
  if (version !== 1 || !isNodeId(nodeId) || !isBootId(bootId) || !isDialable(address)) {
    return undefined
  }
  if (!Number.isSafeInteger(pid) || (pid as number) <= 0 || typeof machine !== 'string') {
    return undefined
  }
  return made(nodeId, bootId, address, pid as number, machine)
}

function made(
  nodeId: NodeId,
  bootId: BootId,
  { host, port }: HostPort,
  pid: number,
  machine: string,
): NodeRecord {
  return { nodeId, bootId, address: { host, port }, pid, machine }
}
