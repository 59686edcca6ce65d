import { isNodosumError } from '@nodosum/kernel'
import type { Discovery, Found, HostPort } from '../discovery.ts'
import { type DiscoveryOptions, discoveryOptions } from '../options.ts'
import { abortable } from './abortable.ts'
import { HostLookup, type Lookup, systemLookup } from './host-lookup.ts'
import { resolveSeeds } from './resolve-seeds.ts'
import { parseSeed, type Seed } from './seed-address.ts'

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

/**
 * Finds members by a function of the user. What it returns is treated like a list of seeds. A
 * throw, a wrong entry or no answer in time is told in the detail and never ends the node.
 */
export function functionDiscovery(options: FunctionDiscoveryOptions): Discovery {
  const limits = discoveryOptions.parse(options.options)
  const lookup = new HostLookup(options.lookup ?? systemLookup)
  return {
    find: (signal) =>
      abortable(signal, async () => {
        const answer = await ask(options.find, signal, limits.lookupTimeoutMs)
        if (typeof answer === 'string') return nothing(answer)
        const { seeds, problems } = parseAll(answer, options.defaultPort, limits.addressesMax)
        const found = await resolveSeeds(seeds, lookup, limits)
        if (problems.length === 0) return found
        return { ...found, detail: `${found.detail}; ${problems.join('; ')}` }
      }),
  }
}

async function ask(
  find: DiscoveryFunction,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<readonly unknown[] | string> {
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => late.resolve(`did not answer within ${timeoutMs} ms`), timeoutMs)
  try {
    const answer: unknown = await Promise.race([call(find, signal), late.promise])
    if (typeof answer === 'string' || Array.isArray(answer)) return answer
    return 'returned no array'
  } finally {
    clearTimeout(timer)
  }
}

async function call(find: DiscoveryFunction, signal: AbortSignal): Promise<unknown> {
  try {
    const answer: unknown = await find(signal)
    return typeof answer === 'string' ? undefined : answer
  } catch (error) {
    return `failed: ${String(error).slice(0, 300)}`
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
      if (!isNodosumError(error)) throw error
      if (problems.length < problemsShownMax) problems.push(error.message)
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
