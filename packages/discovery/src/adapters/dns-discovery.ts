import { NodosumError } from '@nodosum/kernel'
import type { Discovery, Found } from '../discovery.ts'
import { type DiscoveryOptions, discoveryOptions } from '../options.ts'
import { abortable } from './abortable.ts'
import { deadline } from './deadline.ts'
import { DnsQueries } from './dns-queries.ts'
import { AddressList } from './resolve-seeds.ts'
import { parseSeed, requirePort } from './seed-address.ts'

export interface DnsDiscoveryOptions {
  /** Fully qualified: no search domain is tried. */
  readonly name: string
  /**
   * `address`: A and AAAA records, each with `defaultPort`. `service`: SRV records, which have
   * ports, and the addresses of their targets. Default: `service` when the name begins with `_`.
   */
  readonly records?: 'address' | 'service' | undefined
  /** For A and AAAA records: 1 to 65,535. */
  readonly defaultPort: number
  /** Name servers as `ip` or `ip:port`, at most 8. Default: those of the system. */
  readonly servers?: readonly string[] | undefined
  /** What to call the options in messages; default `discovery.dns`. */
  readonly where?: string | undefined
  /** Monotonic milliseconds, by which answers grow old. */
  readonly nowMs?: (() => number) | undefined
  readonly options?: Partial<DiscoveryOptions> | undefined
}

/** Most name servers in one list. */
export const serversMax = 8

/**
 * Finds members by asking name servers, for ever: an answer with addresses is used for as long as
 * its records say, but at least `dnsTtlMinMs` and at most `dnsTtlMaxMs`. Anything else is asked
 * anew at each look.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID for what is no name, port or name server
 */
export function dnsDiscovery(options: DnsDiscoveryOptions): Discovery {
  return new NameDiscovery(options)
}

class NameDiscovery implements Discovery {
  readonly #name: string
  readonly #port: number
  readonly #isService: boolean
  readonly #servers: readonly string[] | undefined
  readonly #nowMs: () => number
  readonly #limits: DiscoveryOptions
  #kept: { readonly found: Found; readonly untilMs: number } | null = null

  constructor(options: DnsDiscoveryOptions) {
    const { where = 'discovery.dns', name, servers } = options
    requirePort(options.defaultPort)
    this.#limits = discoveryOptions.parse(options.options)
    if (!parseSeed(name, options.defaultPort, `${where}.name`).isName || name.includes(':')) {
      const message = `${where}.name: ${JSON.stringify(name)} is an address or has a port; it is the name that is asked for, use discovery.seeds for addresses`
      throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
    }
    this.#name = name
    this.#port = options.defaultPort
    this.#isService =
      (options.records ?? (name.startsWith('_') ? 'service' : 'address')) !== 'address'
    this.#servers = servers === undefined ? undefined : serversOf(servers, where)
    this.#nowMs = options.nowMs ?? ((): number => performance.now())
  }

  find(signal: AbortSignal): Promise<Found> {
    return abortable(signal, async () => {
      if (this.#kept !== null && this.#nowMs() < this.#kept.untilMs) return this.#kept.found
      this.#kept = null
      return await this.#ask(signal)
    })
  }

  async #ask(signal: AbortSignal): Promise<Found> {
    const queries = new DnsQueries(this.#servers, this.#limits)
    const late = deadline(signal, this.#limits.lookupTimeoutMs)
    void late.passed.then(() => queries.end())
    try {
      const answer = this.#isService
        ? await queries.services(this.#name)
        : await queries.hosts(this.#name, this.#port)
      const addresses = new AddressList(this.#limits.addressesMax)
      for (const address of answer.addresses) addresses.add(address)
      const kind = this.#isService ? 'SRV' : 'A and AAAA'
      const source = `DNS, ${kind} of ${this.#name} at ${queries.servers.join(', ') || 'no name server'}`
      const found = addresses.from(source, answer.problems)
      if (found.reason === null) {
        const { dnsTtlMinMs, dnsTtlMaxMs } = this.#limits
        const keepMs = Math.min(Math.max(answer.ttlMs, dnsTtlMinMs), dnsTtlMaxMs)
        this.#kept = { found, untilMs: this.#nowMs() + keepMs }
      }
      return found
    } finally {
      late.clear()
    }
  }
}

function serversOf(servers: readonly string[], where: string): string[] {
  if (servers.length === 0 || servers.length > serversMax) {
    const message = `${where}.servers has ${servers.length} entries; it takes 1 to ${serversMax}, and without it those of the system are asked`
    throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
  }
  return servers.map((text, at) => {
    const { host, port, isName } = parseSeed(text, 53, `${where}.servers[${at}]`)
    if (isName) {
      const message = `${where}.servers[${at}]: ${JSON.stringify(text)} is a name; a name server is given by its address`
      throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
    }
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  })
}
