import { isIP, SocketAddress } from 'node:net'
import { NodosumError } from '@nodosum/kernel'

/** One end of a path: an IP literal and a port. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:7000` or `[::1]:7000`. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * Reads what `formatAddress` writes.
 *
 * @param what whose address it is, for the message
 * @throws ERR_NODOSUM_CONFIG_INVALID
 */
export function parseAddress(text: string, what: string): Address {
  const [, inBrackets, bare, port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const host = inBrackets ?? bare
  if (host === undefined) {
    const shape = 'expected an IP address with a port, like 127.0.0.1:7000 or [::1]:7000'
    throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', `${what}: ${shape}, got '${text}'`)
  }
  return checkAddress({ host, port: Number(port) }, what)
}

/** @throws ERR_NODOSUM_CONFIG_INVALID for a name, or a port out of range */
export function checkAddress({ host, port }: Address, what: string): Address {
  const fail = (problem: string): never => {
    throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', `${what}: ${problem}`)
  }
  if (isIP(host) === 0) return fail(`the host must be an IP address, not a name, got '${host}'`)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    return fail(`the port must be a whole number from 0 to 65535, got ${String(port)}`)
  }
  if (isIP(host) === 4) return { host, port }
  // An IPv6 address has many spellings; packets come with this one.
  return { host: new SocketAddress({ address: host, family: 'ipv6' }).address, port }
}

/** @throws ERR_NODOSUM_CONFIG_INVALID for what `checkAddress` refuses, and for nowhere in particular */
export function checkTarget(address: Address, what: string): Address {
  const target = checkAddress(address, what)
  if (target.port !== 0 && !['0.0.0.0', '::'].includes(target.host)) return target
  throw new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `${what}: expected the address and port of the upstream, got ${formatAddress(target)}`,
  )
}
