import { readFileSync } from 'node:fs'
import type { HostPort } from '../contract.ts'

/**
 * Datagrams for a socket that the system has dropped because its buffer was full: nobody above ever
 * saw them, so only the system can say. Linux; null elsewhere.
 */
export function systemDrops({ host, port }: HostPort): number | null {
  const isV6 = host.includes(':')
  let table: string
  try {
    table = readFileSync(isV6 ? '/proc/net/udp6' : '/proc/net/udp', 'latin1')
  } catch {
    return null
  }
  return dropsIn(table, isV6 ? '' : hexOf(host), port)
}

/**
 * The last column of the socket's line.
 *
 * @param address as the table writes it; empty for any
 */
export function dropsIn(table: string, address: string, port: number): number | null {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    const local = columns[1] ?? ''
    if (!local.endsWith(wanted) || !local.startsWith(address)) continue
    const drops = Number(columns.at(-1))
    return Number.isInteger(drops) ? drops : null
  }
  return null
}

/** The table has the bytes of an address in the order of the machine, which is little-endian. */
function hexOf(host: string): string {
  const bytes = host.split('.').toReversed().map(Number)
  return bytes.map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('')
}
