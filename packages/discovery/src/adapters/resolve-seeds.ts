import type { Found, HostPort, NothingFound } from '../discovery.ts'
import type { HostLookup } from './host-lookup.ts'
import { isDialable, type Seed } from './seed-address.ts'

const problemsShownMax = 5

export interface ResolveLimits {
  readonly addressesMax: number
  readonly lookupTimeoutMs: number
}

/** Something that kept addresses from being found. */
export interface Problem {
  readonly reason: NothingFound
  /** For people: what was tried, and what came of it. */
  readonly text: string
}

/** Turns seeds into addresses: names are looked up now, whatever they meant before. */
export async function resolveSeeds(
  seeds: readonly Seed[],
  lookup: HostLookup,
  limits: ResolveLimits,
  signal: AbortSignal,
  context: { readonly from?: string; readonly problems?: readonly Problem[] } = {},
): Promise<Found> {
  const { from = plural(seeds.length), problems: earlier = [] } = context
  const names = new Set(seeds.filter((seed) => seed.isName).map((seed) => seed.host))
  const resolved = await lookup.resolveAll([...names], limits.lookupTimeoutMs, signal)
  const addressesOf = new Map<string, readonly string[]>()
  const problems: Problem[] = [...earlier]
  for (const result of resolved) {
    if ('addresses' in result) addressesOf.set(result.host, result.addresses)
    else problems.push({ reason: result.reason, text: `${result.host}: ${result.problem}` })
  }
  const addresses = new AddressList(limits.addressesMax)
  for (const { host, port, isName } of seeds) {
    for (const address of isName ? (addressesOf.get(host) ?? []) : [host]) {
      addresses.add({ host: address, port })
    }
  }
  return addresses.from(from, problems)
}

/** Addresses without duplicates, bounded. */
export class AddressList {
  readonly #found: HostPort[] = []
  readonly #addressesMax: number
  readonly #keys = new Set<string>()
  #leftOut = 0

  constructor(addressesMax: number) {
    this.#addressesMax = addressesMax
  }

  /** False when it is no address to dial; what is beyond the limit is only counted. */
  add(address: HostPort): boolean {
    if (!isDialable(address)) return false
    const key = `${address.host} ${address.port}`
    if (this.#keys.has(key)) return true
    if (this.#found.length === this.#addressesMax) {
      this.#leftOut += 1
      return true
    }
    this.#keys.add(key)
    this.#found.push({ host: address.host, port: address.port })
    return true
  }

  /** What a look at `source` brought; the first problem is the reason if that is nothing. */
  from(source: string, problems: readonly Problem[]): Found {
    const count = this.#found.length
    const left = this.#leftOut === 0 ? '' : `, ${this.#leftOut} more left out (addressesMax)`
    const shown = problems.slice(0, problemsShownMax).map(({ text }) => text)
    if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`)
    const wrong = shown.length === 0 ? '' : `; ${shown.join('; ')}`
    const reason = count > 0 ? null : (problems[0]?.reason ?? 'empty')
    const detail = `${addressesIn(count)} from ${source}${left}${wrong}`
    return { addresses: this.#found, reason, detail }
  }
}

/** A look that brought nothing, for one reason. */
export function nothingFrom(source: string, problem: Problem): Found {
  return new AddressList(0).from(source, [problem])
}

function addressesIn(count: number): string {
  if (count === 0) return 'no address'
  return count === 1 ? '1 address' : `${count} addresses`
}

function plural(count: number): string {
  return count === 1 ? '1 seed' : `${count} seeds`
}
