import { isIP } from 'node:net'
import { NodosumError } from '@nodosum/kernel'
import type { HostPort } from '../discovery.ts'

/** A host to ask for: an address, or a name that is looked up each time. */
export interface Seed extends HostPort {
  readonly isName: boolean
}

const hostBytesMax = 253
const label = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/
const digits = /^[0-9]{1,5}$/
// Also with an IPv4 address inside.
const everyAddress = /^(?:[0:]*:ffff:)?[0:.]+$/i
const forms = 'use "host:port", "host", "[IPv6]:port" or an IP address'

/**
 * Parses `10.0.0.1:6969`, `db.internal`, `[fd00::1]:6969` or `fd00::1`.
 *
 * @param where what to name in the message, for example `discovery.seeds[2]`
 * @throws ERR_NODOSUM_CONFIG_INVALID naming the entry, what is wrong, and the right form
 */
export function parseSeed(text: unknown, defaultPort: number, where: string): Seed {
  if (typeof text !== 'string') throw invalid(where, typeof text, 'is no text')
  if (isIP(text) === 6 && text.endsWith(`:${defaultPort}`)) {
    const host = text.slice(0, text.lastIndexOf(':'))
    const wanted = isIP(host) === 6 ? `[${host}]:${defaultPort}` : `[${text}]`
    throw invalid(where, text, `ends in ${defaultPort} as if that was its port: write ${wanted}`)
  }
  const [host, port] = split(text, where)
  const number = port === undefined ? defaultPort : Number(port)
  if (port !== undefined && !digits.test(port)) throw invalid(where, text, 'has no number as port')
  if (!isPort(number)) {
    throw invalid(where, text, `has the port ${number}, which is not from 1 to 65535`)
  }
  const problem = hostProblem(host)
  if (problem !== undefined) throw invalid(where, text, problem)
  return { host, port: number, isName: isIP(host) === 0 }
}

/** Whether it is an address one can dial: an IP literal that names one host, and a port. */
export function isDialable(value: unknown): value is HostPort {
  if (typeof value !== 'object' || value === null) return false
  const { host, port } = value as Record<string, unknown>
  if (typeof host !== 'string' || !isPort(port)) return false
  return isIP(host) !== 0 && hostProblem(host) === undefined
}

/** @throws ERR_NODOSUM_CONFIG_INVALID when it cannot be the port of entries without one */
export function requirePort(defaultPort: number): void {
  if (isPort(defaultPort)) return
  throw new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `defaultPort is ${String(defaultPort)}; it must be a whole number from 1 to 65535.`,
  )
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535
}

function split(text: string, where: string): [host: string, port: string | undefined] {
  if (text.startsWith('[')) {
    const close = text.indexOf(']')
    const host = text.slice(1, close)
    const rest = text.slice(close + 1)
    if (close < 0 || isIP(host) !== 6) throw invalid(where, text, 'has no IPv6 address in brackets')
    if (rest === '') return [host, undefined]
    if (!rest.startsWith(':')) throw invalid(where, text, 'has something after its bracket')
    return [host, rest.slice(1)]
  }
  if (text.includes('://')) throw invalid(where, text, 'is a URL')
  const colon = text.indexOf(':')
  if (colon < 0 || isIP(text) === 6) return [text, undefined]
  if (text.includes(':', colon + 1)) {
    throw invalid(where, text, 'has several colons; an IPv6 address with a port needs brackets')
  }
  return [text.slice(0, colon), text.slice(colon + 1)]
}

function hostProblem(host: string): string | undefined {
  if (host === '') return 'has no host'
  if (isIP(host) !== 0 && everyAddress.test(host)) {
    return 'means "every address of this machine" and can only be listened on'
  }
  if (isIP(host) !== 0) return undefined
  if (host.length > hostBytesMax) return `has a host name longer than ${hostBytesMax} characters`
  const labels = (host.endsWith('.') ? host.slice(0, -1) : host).split('.')
  if (!labels.every((one) => label.test(one))) return 'has a host that is neither name nor address'
  // Names that end in a number are mistyped addresses, and some resolvers guess what was meant.
  return /^[0-9]+$/.test(labels.at(-1) ?? '') ? 'has a malformed IPv4 address' : undefined
}

function invalid(where: string, text: string, problem: string): NodosumError {
  const shown = JSON.stringify(text.slice(0, 300))
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', `${where}: ${shown} ${problem}; ${forms}`, {
    details: { where },
  })
}
