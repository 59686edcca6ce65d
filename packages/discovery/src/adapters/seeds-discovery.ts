import { NodosumError } from '@nodosum/kernel'
import type { Discovery } from '../discovery.ts'
import { type DiscoveryOptions, discoveryOptions } from '../options.ts'
import { abortable } from './abortable.ts'
import { HostLookup, type Lookup, systemLookup } from './host-lookup.ts'
import { resolveSeeds } from './resolve-seeds.ts'
import { parseSeed, requirePort } from './seed-address.ts'

/** Most seeds in one list. */
export const seedsMax = 256

export interface SeedsDiscoveryOptions {
  /** `host:port`, `host`, `[IPv6]:port` or an IP address. May name this node itself. */
  readonly seeds: readonly string[]
  /** For seeds without a port: 1 to 65,535. */
  readonly defaultPort: number
  /** What to call the list in messages; default `discovery.seeds`. */
  readonly where?: string | undefined
  /** Instead of the operating system's resolver. */
  readonly lookup?: Lookup | undefined
  readonly options?: Partial<DiscoveryOptions> | undefined
}

/**
 * Finds members at a fixed list of hosts. Names are looked up anew at each look, so a list of
 * names follows DNS.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID naming the first wrong seed and the right form
 */
export function seedsDiscovery(options: SeedsDiscoveryOptions): Discovery {
  const { defaultPort, where = 'discovery.seeds' } = options
  const limits = discoveryOptions.parse(options.options)
  requirePort(defaultPort)
  if (options.seeds.length > seedsMax) {
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `${where} has ${options.seeds.length} entries, at most ${seedsMax} are used; ` +
        'a few are enough, they only open the door',
    )
  }
  const seeds = options.seeds.map((seed, at) => parseSeed(seed, defaultPort, `${where}[${at}]`))
  const lookup = new HostLookup(options.lookup ?? systemLookup)
  return { find: (signal) => abortable(signal, () => resolveSeeds(seeds, lookup, limits, signal)) }
}
