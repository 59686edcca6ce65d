import { lookup } from 'node:dns/promises'
import type { NothingFound } from '../discovery.ts'
import { deadline } from './deadline.ts'
import { errorText } from './error-text.ts'

/** Resolves a host name to IP literals; rejects when the name service says no. */
export type Lookup = (host: string) => Promise<readonly string[]>

/** What became of a name. */
export type Resolved =
  | { readonly host: string; readonly addresses: readonly string[] }
  | { readonly host: string; readonly reason: NothingFound; readonly problem: string }

/** The resolver of the operating system: /etc/hosts, search domains and all. */
export async function systemLookup(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, order: 'verbatim' })
  return found.map(({ address }) => address)
}

// The system's resolver runs on the 4 threads that also serve the file system.
const atOnceMax = 2
/** Most lookups under way, hanging ones of earlier looks included. */
export const pendingLookupsMax = 64

/**
 * Looks names up, each at most once at a time. A lookup cannot be cancelled: one that hangs keeps
 * its thread. So a later look waits for it and never starts a second one for the same name.
 */
export class HostLookup {
  readonly #lookup: Lookup
  readonly #pending = new Map<string, Promise<Resolved>>()

  constructor(lookup: Lookup) {
    this.#lookup = lookup
  }

  /** One result for each name, in order; a name still unknown after `timeoutMs` is a problem. */
  async resolveAll(
    hosts: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Resolved[]> {
    const over = deadline(signal, timeoutMs)
    const results = new Map<string, Resolved>()
    let next = 0
    const work = async (): Promise<void> => {
      for (let host = hosts[next++]; host !== undefined; host = hosts[next++]) {
        const result = await Promise.race([this.#resolve(host), over.passed])
        if (result === undefined) return
        results.set(host, result)
      }
    }
    try {
      await Promise.all(Array.from({ length: atOnceMax }, work))
    } finally {
      over.clear()
    }
    const late = { reason: 'timedOut', problem: `no answer within ${timeoutMs} ms` } as const
    return hosts.map((host) => results.get(host) ?? { host, ...late })
  }

  #resolve(host: string): Promise<Resolved> {
    const pending = this.#pending.get(host)
    if (pending !== undefined) return pending
    if (this.#pending.size === pendingLookupsMax) {
      const problem = `${pendingLookupsMax} earlier lookups still hang`
      return Promise.resolve({ host, reason: 'timedOut', problem })
    }
    const started = this.#ask(host).finally(() => this.#pending.delete(host))
    this.#pending.set(host, started)
    return started
  }

  async #ask(host: string): Promise<Resolved> {
    try {
      const addresses: unknown = await this.#lookup(host)
      if (!Array.isArray(addresses)) {
        return { host, reason: 'malformed', problem: 'the lookup returned no array' }
      }
      if (addresses.length > 0) return { host, addresses }
      return { host, reason: 'empty', problem: 'no address' }
    } catch (error) {
      return { host, ...problemOf(error) }
    }
  }
}

function problemOf(error: unknown): { reason: NothingFound; problem: string } {
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code
  if (typeof code !== 'string') return { reason: 'failed', problem: errorText(error) }
  if (code === 'ENOTFOUND') {
    return { reason: 'notFound', problem: 'ENOTFOUND: the name does not exist' }
  }
  if (code === 'EAI_AGAIN') {
    return { reason: 'unreachable', problem: 'EAI_AGAIN: the name server does not answer' }
  }
  return { reason: 'failed', problem: code }
}
