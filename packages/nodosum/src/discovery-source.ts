import {
  consulDiscovery,
  type Discovery,
  developmentDirectoryDiscovery,
  dnsDiscovery,
  type Found,
  fileDiscovery,
  functionDiscovery,
  kubernetesDiscovery,
  seedsDiscovery,
  severalDiscoveries,
} from '@nodosum/discovery'
import type { Logger } from '@nodosum/kernel'
import type { NodeConfig } from './node-options.ts'

const defaultPort = 6_969

/** Everything that `discovery` names; in profile development what nobody named as well. */
export function discoveryOf(
  { discovery }: Pick<NodeConfig, 'discovery'>,
  developmentDirectory: string | null,
): Discovery {
  if (typeof discovery === 'function') return functionDiscovery({ find: discovery, defaultPort })
  if (discovery !== undefined) {
    const { seeds, dns, kubernetes, consul, file } = discovery
    const sources: Record<string, Discovery> = {}
    if (seeds !== undefined) sources.seeds = seedsDiscovery({ seeds, defaultPort })
    if (dns !== undefined) {
      const { port, ...given } = typeof dns === 'string' ? { name: dns, port: undefined } : dns
      sources.dns = dnsDiscovery({ ...given, defaultPort: port ?? defaultPort })
    }
    if (kubernetes !== undefined) {
      const { port, ...given } = kubernetes
      sources.kubernetes = kubernetesDiscovery({ ...given, defaultPort: port ?? defaultPort })
    }
    if (consul !== undefined) {
      const { port, ...given } = consul
      sources.consul = consulDiscovery({ ...given, defaultPort: port ?? defaultPort })
    }
    if (file !== undefined) sources.file = fileDiscovery({ file, defaultPort })
    return severalDiscoveries(sources)
  }
  if (developmentDirectory !== null) {
    return developmentDirectoryDiscovery({ directory: developmentDirectory })
  }
  const detail = 'no discovery is configured'
  return { find: async () => ({ addresses: [], reason: 'notConfigured', detail }) }
}

/** Remembers what discovery said last, and logs when that becomes something else. */
export class WatchedDiscovery implements Discovery {
  /** Null before the first answer. */
  last: Pick<Found, 'reason' | 'detail'> | null = null
  readonly announce: Discovery['announce']
  readonly withdraw: Discovery['withdraw']
  readonly #discovery: Discovery
  readonly #logger: Logger

  constructor(discovery: Discovery, logger: Logger) {
    this.#discovery = discovery
    this.#logger = logger
    this.announce = discovery.announce?.bind(discovery)
    this.withdraw = discovery.withdraw?.bind(discovery)
  }

  async find(signal: AbortSignal): Promise<Found> {
    const answer = await this.#discovery.find(signal)
    const { reason } = answer
    const detail = answer.detail + listed(answer.addresses)
    const found = { ...answer, detail }
    const before = this.last
    this.last = { reason, detail }
    if (before?.reason === reason && before.detail === detail) return found
    // Said once for each reason: details may count. Who is first finds nobody, and that is right.
    const isWorthAWarning = isTrouble(reason) && before?.reason !== reason
    const level = isWorthAWarning ? 'warn' : 'debug'
    const event = reason === null ? 'discovery.found' : 'discovery.empty'
    this.#logger[level]({ event, reason }, `discovery: ${detail}`)
    return found
  }
}

/** So many addresses are named. */
const namedMax = 3

function listed(addresses: Found['addresses']): string {
  if (addresses.length === 0) return ''
  const named = addresses.slice(0, namedMax).map(({ host, port }) => `${host}:${port}`)
  const more = addresses.length > namedMax ? ` and ${addresses.length - namedMax} more` : ''
  return ` (${named.join(', ')}${more})`
}

/** Whether the source did not work, other than that it lists nobody. */
export function isTrouble(reason: Found['reason']): boolean {
  return reason !== null && reason !== 'empty' && reason !== 'notConfigured'
}
