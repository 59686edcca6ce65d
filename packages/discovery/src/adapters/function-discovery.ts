import { isNodosumError } from '@nodosum/kernel'
import type { Discovery, Found, HostPort } from '../discovery.ts'
import { type DiscoveryOptions, discoveryOptions } from '../options.ts'
import { abortable } from './abortable.ts'
import { deadline } from './deadline.ts'
import { errorText } from './error-text.ts'
import { HostLookup, type Lookup, systemLookup } from './host-lookup.ts'
import { resolveSeeds } from './resolve-seeds.ts'
import { parseSeed, requirePort, type Seed } from './seed-address.ts'

/** Says where members may be: seeds as text, or addresses; at once or later. */
export type DiscoveryFunction = (
  signal: AbortSignal,
) => Promise<readonly (string | HostPort)[]> | readonly (string | HostPort)[]

export interface FunctionDiscoveryOptions {
  readonly find: DiscoveryFunction
  /** For entries without a port: 1 to 65,535. */
  readonly defaultPort: number
  /** Instead of the operating system's resolver. */
  readonly lookup?: Lookup | undefined
  readonly options?: Partial<DiscoveryOptions> | undefined
}

/** Most calls under way: of earlier looks that did not wait for them any longer, and this one's. */
export const callsMax = 4

/**
 * Finds members by a function of the user. What it returns is treated like a list of seeds. A
 * throw, a wrong entry or no answer in time is told in the detail and never ends the node. The
 * function's signal aborts when nobody waits for it any more; while 4 calls ignore that, it is not
 * called again.
 */
export function functionDiscovery(options: FunctionDiscoveryOptions): Discovery {
  const limits = discoveryOptions.parse(options.options)
  requirePort(options.defaultPort)
  const lookup = new HostLookup(options.lookup ?? systemLookup)
  const asked = new AskedFunction(options.find)
  return {
    find: (signal) =>
      abortable(signal, async () => {
        const answer = await asked.ask(signal, limits.lookupTimeoutMs)
        if (typeof answer === 'string') return nothing(answer)
        const { seeds, problems } = parseAll(answer, options.defaultPort, limits.addressesMax)
        const found = await resolveSeeds(seeds, lookup, limits, signal)
        if (problems.length === 0) return found
        return { ...found, detail: `${found.detail}; ${problems.join('; ')}` }
      }),
  }
}

class AskedFunction {
  readonly #find: DiscoveryFunction
  #calls = 0

  constructor(find: DiscoveryFunction) {
    this.#find = find
  }

  /** The array it returned, or words for why there is none. */
  async ask(signal: AbortSignal, timeoutMs: number): Promise<readonly unknown[] | string> {
    if (this.#calls === callsMax) return `has ${callsMax} earlier calls that never ended`
    const late = deadline(signal, timeoutMs)
    const nobodyWaits = new AbortController()
    try {
      const answer = await Promise.race([this.#call(nobodyWaits.signal), late.passed])
      if (answer !== undefined) return answer
      nobodyWaits.abort()
      return `did not answer within ${timeoutMs} ms`
    } finally {
      late.clear()
    }
  }

  async #call(signal: AbortSignal): Promise<readonly unknown[] | string> {
    this.#calls += 1
    try {
      const answer: unknown = await this.#find(signal)
      return Array.isArray(answer) ? answer : 'returned no array'
    } catch (error) {
      return `failed: ${errorText(error)}`
    } finally {
      this.#calls -= 1
    }
  }
}

const problemsShownMax = 5

function parseAll(
  entries: readonly unknown[],
  defaultPort: number,
  entriesMax: number,
): { seeds: Seed[]; problems: string[] } {
  const seeds: Seed[] = []
  const problems: string[] = []
  for (const [at, entry] of entries.slice(0, entriesMax).entries()) {
    try {
      seeds.push(parseSeed(textOf(entry), defaultPort, `entry ${at}`))
    } catch (error) {
      // Anything else comes from a getter of the entry.
      const problem = isNodosumError(error) ? error.message : `entry ${at}: ${errorText(error)}`
      if (problems.length < problemsShownMax) problems.push(problem)
    }
  }
  if (entries.length > entriesMax) {
    problems.push(`${entries.length - entriesMax} more entries left out (addressesMax)`)
  }
  return { seeds, problems }
}

function textOf(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null) return entry
  const { host, port } = entry as Record<string, unknown>
  if (typeof host !== 'string' || typeof port !== 'number') return entry
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function nothing(problem: string): Found {
  return { addresses: [], detail: `no address: the discovery function ${problem}` }
}
