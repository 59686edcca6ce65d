import type { Found, HostPort } from '../discovery.ts'
import type { HostLookup } from './host-lookup.ts'
import { isDialable, type Seed } from './seed-address.ts'

const problemsShownMax = 5

export interface ResolveLimits {
  readonly addressesMax: number
  readonly lookupTimeoutMs: number
}

/** Turns seeds into addresses: names are looked up now, whatever they meant before. */
export async function resolveSeeds(
  seeds: readonly Seed[],
  lookup: HostLookup,
  limits: ResolveLimits,
  signal: AbortSignal,
): Promise<Found> {
  const names = new Set(seeds.filter((seed) => seed.isName).map((seed) => seed.host))
  const resolved = await lookup.resolveAll([...names], limits.lookupTimeoutMs, signal)
  const addressesOf = new Map<string, readonly string[]>()
  const problems: string[] = []
  for (const result of resolved) {
    if ('problem' in result) problems.push(`${result.host}: ${result.problem}`)
    else addressesOf.set(result.host, result.addresses)
  }
  const addresses = new AddressList(limits.addressesMax)
  for (const { host, port, isName } of seeds) {
    for (const address of isName ? (addressesOf.get(host) ?? []) : [host]) {
      addresses.add({ host: address, port })
    }
  }
  return { addresses: addresses.found, detail: addresses.describe(plural(seeds.length), problems) }
}

/** Addresses without duplicates, bounded. */
export class AddressList {
  readonly found: HostPort[] = []
  readonly #addressesMax: number
  readonly #keys = new Set<string>()
  #leftOut = 0

  constructor(addressesMax: number) {
    this.#addressesMax = addressesMax
  }

  add(address: HostPort): void {
    const key = `${address.host} ${address.port}`
    if (!isDialable(address) || this.#keys.has(key)) return
    if (this.found.length === this.#addressesMax) {
      this.#leftOut += 1
      return
    }
    this.#keys.add(key)
    this.found.push({ host: address.host, port: address.port })
  }

  /** One sentence about what `from` brought. */
  describe(from: string, problems: readonly string[]): string {
    const count = this.found.length
    const left = this.#leftOut === 0 ? '' : `, ${this.#leftOut} more left out (addressesMax)`
    const shown = problems.slice(0, problemsShownMax)
    if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`)
    const wrong = shown.length === 0 ? '' : `; ${shown.join('; ')}`
    return `${addressesIn(count)} from ${from}${left}${wrong}`
  }
}

function addressesIn(count: number): string {
  if (count === 0) return 'no address'
  return count === 1 ? '1 address' : `${count} addresses`
}

function plural(count: number): string {
  return count === 1 ? '1 seed' : `${count} seeds`
}
