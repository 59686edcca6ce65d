import type { HostPort } from '@nodosum/transport'

/** True for peers on this machine. */
export function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1'
}

/** `host:port` as people write it. */
export function addressWords(address: HostPort): string {
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}

/** What is wrong with a peer's address, or null: the engine throws on names. */
export function addressProblem(remote: HostPort, local: HostPort): string | null {
  const { host, port } = remote
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    return `a QUIC peer needs a port from 1 to 65535, got ${String(port)}`
  }
  const isV6 = typeof host === 'string' && /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(host)
  const isV4 = typeof host === 'string' && /^\d{1,3}(\.\d{1,3}){3}$/.test(host)
  if (!isV4 && !isV6) {
    return `a QUIC peer needs an IP address, got ${JSON.stringify(host)}: resolve the name first`
  }
  if (isV6 && !local.host.includes(':')) {
    return `${host} is IPv6, but this node is bound to ${local.host}: bind it to ::`
  }
  return null
}
