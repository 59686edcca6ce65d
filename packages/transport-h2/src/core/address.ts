/** One end of a network path, as text and port. */
interface Address {
  readonly host: string
  readonly port: number
}

/** `host:port` as people write it. */
export function addressWords({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** What is wrong with a peer's address, or null: names are for discovery to resolve. */
export function addressProblem({ host, port }: Address): string | null {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    return `an HTTP/2 peer needs a port from 1 to 65535, got ${String(port)}`
  }
  if (typeof host !== 'string' || !(isV4(host) || isV6(host))) {
    return `an HTTP/2 peer needs an IP address, got ${JSON.stringify(host)}: resolve the name first`
  }
  return null
}

function isV4(host: string): boolean {
  const parts = host.split('.')
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)
}

/** The system decides in the end; this keeps names away from its resolver. */
function isV6(host: string): boolean {
  return /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%[\w.-]+)?$/.test(host)
}
