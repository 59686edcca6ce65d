import { lookup } from 'node:dns/promises'
import { deadline } from './deadline.ts'
import { errorText } from './error-text.ts'

/** Resolves a host name to IP literals; rejects when the name service says no. */
export type Lookup = (host: string) => Promise<readonly string[]>

/** What became of a name. */
export type Resolved =
  | { readonly host: string; readonly addresses: readonly string[] }
  | { readonly host: string; readonly problem: string }

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
    const late = deadline(signal, timeoutMs)
    const results = new Map<string, Resolved>()
    let next = 0
    const work = async (): Promise<void> => {
      for (let host = hosts[next++]; host !== undefined; host = hosts[next++]) {
        const result = await Promise.race([this.#resolve(host), late.passed])
        if (result === undefined) return
        results.set(host, result)
      }
    }
    try {
      await Promise.all(Array.from({ length: atOnceMax }, work))
    } finally {
      late.clear()
    }
    const problem = `no answer within ${timeoutMs} ms`
    return hosts.map((host) => results.get(host) ?? { host, problem })
  }

  #resolve(host: string): Promise<Resolved> {
    const pending = this.#pending.get(host)
    if (pending !== undefined) return pending
    if (this.#pending.size === pendingLookupsMax) {
      return Promise.resolve({ host, problem: `${pendingLookupsMax} earlier lookups still hang` })
    }
    const started = this.#ask(host).finally(() => this.#pending.delete(host))
    this.#pending.set(host, started)
    return started
  }

  async #ask(host: string): Promise<Resolved> {
    try {
      const addresses: unknown = await this.#lookup(host)
      if (!Array.isArray(addresses)) return { host, problem: 'the lookup returned no array' }
      return addresses.length > 0 ? { host, addresses } : { host, problem: 'no address' }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException | null | undefined)?.code
      return { host, problem: typeof code === 'string' ? words(code) : errorText(error) }
    }
  }
}

function words(code: string): string {
  if (code === 'ENOTFOUND') return 'ENOTFOUND: the name does not exist'
  if (code === 'EAI_AGAIN') return 'EAI_AGAIN: the name server does not answer'
  return code
}
