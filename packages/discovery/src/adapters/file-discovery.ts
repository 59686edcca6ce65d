import { NodosumError } from '@nodosum/kernel'
import type { Discovery, Found } from '../discovery.ts'
import { type DiscoveryOptions, discoveryOptions } from '../options.ts'
import { abortable } from './abortable.ts'
import { HostLookup, type Lookup, systemLookup } from './host-lookup.ts'
import { parseEntries } from './parse-entries.ts'
import { nothingFrom, type Problem, resolveSeeds } from './resolve-seeds.ts'
import { requirePort } from './seed-address.ts'
import { readSmallFile } from './small-file.ts'

export interface FileDiscoveryOptions {
  /**
   * Path of a text file with one `host:port` on each line (`#` begins a comment), or of a JSON
   * array of such texts or of `{ host, port }`.
   */
  readonly file: string
  /** For entries without a port: 1 to 65,535. */
  readonly defaultPort: number
  /** Instead of the operating system's resolver. */
  readonly lookup?: Lookup | undefined
  readonly options?: Partial<DiscoveryOptions> | undefined
}

/**
 * Finds members in a file, which is read anew at each look: whoever writes it, also by a rename or
 * by a symbolic link that moves, needs to tell nobody. A line that is wrong hides no other.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID for an empty path or a wrong port
 */
export function fileDiscovery(options: FileDiscoveryOptions): Discovery {
  const { file, defaultPort } = options
  const limits = discoveryOptions.parse(options.options)
  requirePort(defaultPort)
  if (typeof file !== 'string' || file === '') {
    throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', 'discovery.file: it is the path of a file')
  }
  const lookup = new HostLookup(options.lookup ?? systemLookup)
  const look = async (signal: AbortSignal): Promise<Found> => {
    const text = await readSmallFile(file, limits.fileBytesMax)
    if (typeof text !== 'string') return nothingFrom(file, text)
    const entries = isJson(text) ? jsonEntries(text) : lineEntries(text)
    if (!Array.isArray(entries)) return nothingFrom(file, entries as Problem)
    const { seeds, problems } = parseEntries(
      entries.map(({ value }) => value),
      {
        defaultPort,
        entriesMax: limits.addressesMax,
        where: (at) => entries[at]?.where ?? `entry ${at}`,
      },
    )
    const from = `${seeds.length} of ${entries.length} entries of ${file}`
    return await resolveSeeds(seeds, lookup, limits, signal, { from, problems })
  }
  return { find: (signal) => abortable(signal, () => look(signal)) }
}

interface Entry {
  readonly value: unknown
  readonly where: string
}

/** An IPv6 address begins with a bracket, too, but goes on with neither of these. */
function isJson(text: string): boolean {
  return /^\s*(?:\{|\[\s*["{\]])/.test(text)
}

function jsonEntries(text: string): readonly Entry[] | Problem {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { reason: 'malformed', text: `it is no JSON: ${(error as Error).message.slice(0, 120)}` }
  }
  if (!Array.isArray(value)) {
    return { reason: 'malformed', text: 'its JSON is no array of "host:port" or { host, port }' }
  }
  return value.map((entry: unknown, at) => ({ value: entry, where: `entry ${at}` }))
}

function lineEntries(text: string): readonly Entry[] {
  return text
    .split(/\r?\n/)
    .map((line, at) => ({ value: line.replace(/#.*/, '').trim(), where: `line ${at + 1}` }))
    .filter(({ value }) => value !== '')
}
