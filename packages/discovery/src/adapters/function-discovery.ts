import type { Discovery, HostPort } from '../discovery.ts'
import { type DiscoveryOptions, discoveryOptions } from '../options.ts'
import { abortable } from './abortable.ts'
import { deadline } from './deadline.ts'
import { errorText } from './error-text.ts'
import { HostLookup, type Lookup, systemLookup } from './host-lookup.ts'
import { parseEntries } from './parse-entries.ts'
import { nothingFrom, type Problem, resolveSeeds } from './resolve-seeds.ts'
import { requirePort } from './seed-address.ts'

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
        if (!Array.isArray(answer)) return nothingFrom(source, answer as Problem)
        const { seeds, problems } = parseEntries(answer, {
          defaultPort: options.defaultPort,
          entriesMax: limits.addressesMax,
        })
        const from = `${seeds.length} of ${answer.length} entries of ${source}`
        return await resolveSeeds(seeds, lookup, limits, signal, { from, problems })
      }),
  }
}

const source = 'the discovery function'

class AskedFunction {
  readonly #find: DiscoveryFunction
  #calls = 0

  constructor(find: DiscoveryFunction) {
    this.#find = find
  }

  /** The array it returned, or why there is none. */
  async ask(signal: AbortSignal, timeoutMs: number): Promise<readonly unknown[] | Problem> {
    if (this.#calls === callsMax) {
      return { reason: 'timedOut', text: `it has ${callsMax} earlier calls that never ended` }
    }
    const late = deadline(signal, timeoutMs)
    const nobodyWaits = new AbortController()
    try {
      const answer = await Promise.race([this.#call(nobodyWaits.signal), late.passed])
      if (answer !== undefined) return answer
      nobodyWaits.abort()
      return { reason: 'timedOut', text: `it did not answer within ${timeoutMs} ms` }
    } finally {
      late.clear()
    }
  }

  async #call(signal: AbortSignal): Promise<readonly unknown[] | Problem> {
    this.#calls += 1
    try {
      const answer: unknown = await this.#find(signal)
      if (Array.isArray(answer)) return answer
      return { reason: 'malformed', text: 'it returned no array' }
    } catch (error) {
      return { reason: 'failed', text: `it failed: ${errorText(error)}` }
    } finally {
      this.#calls -= 1
    }
  }
}
