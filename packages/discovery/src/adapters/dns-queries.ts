import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { HostPort, NothingFound } from '../discovery.ts'
import { errorText } from './error-text.ts'
import type { Problem } from './resolve-seeds.ts'

/** What a name server said about one question. */
export interface DnsAnswer {
  readonly addresses: readonly HostPort[]
  /** How long that holds, in milliseconds: the least of the address records. */
  readonly ttlMs: number
  readonly problems: readonly Problem[]
}

export interface DnsLimits {
  readonly lookupTimeoutMs: number
  readonly recordsMax: number
}

/** Targets of SRV records that are asked for at once. */
const targetsAtOnce = 8
const triesMax = 2

/** The questions of one look; they end together. Names are asked for as they are, without search domains. */
export class DnsQueries {
  readonly #resolver: Resolver
  readonly #limits: DnsLimits
  #isOver = false

  /** @param servers `ip:port`; without any, those of the system as they are now */
  constructor(servers: readonly string[] | undefined, limits: DnsLimits) {
    const timeout = Math.ceil(limits.lookupTimeoutMs / (triesMax + 1))
    this.#resolver = new Resolver({ timeout, tries: triesMax })
    if (servers !== undefined) this.#resolver.setServers(servers)
    this.#limits = limits
  }

  get servers(): readonly string[] {
    return this.#resolver.getServers()
  }

  /** Questions that have no answer yet end as timed out. */
  end(): void {
    this.#isOver = true
    this.#resolver.cancel()
  }

  /** A and AAAA records of a name, each with that port. */
  async hosts(name: string, port: number): Promise<DnsAnswer> {
    const [v4, v6] = await Promise.all([
      this.#ask(`A ${name}`, () => this.#resolver.resolve4(name, { ttl: true })),
      this.#ask(`AAAA ${name}`, () => this.#resolver.resolve6(name, { ttl: true })),
    ])
    const records = [...v4.records, ...v6.records]
    const problems = [v4.problem, v6.problem].filter((problem) => problem !== null)
    return {
      addresses: records.map(({ address }) => ({ host: address, port })),
      ttlMs: leastTtlMs(records),
      // With addresses of one family, that there are none of the other is no problem.
      problems: problems.filter(({ reason }) => records.length === 0 || !isAbsence(reason)),
    }
  }

  /** SRV records of a name, and the addresses of their targets. */
  async services(name: string): Promise<DnsAnswer> {
    const { records, problem } = await this.#ask(`SRV ${name}`, () =>
      this.#resolver.resolveSrv(name),
    )
    if (problem !== null) return { addresses: [], ttlMs: 0, problems: [problem] }
    // RFC 2782: the root as target says that there decidedly is no such service.
    const targets = records.filter((record) => record.name !== '' && record.name !== '.')
    const problems: Problem[] = []
    if (targets.length === 0) {
      problems.push({ reason: 'empty', text: `SRV ${name}: it says that there is none` })
    }
    const names = [...new Set(targets.map((target) => target.name))]
    const answers = new Map<string, DnsAnswer>()
    let next = 0
    const work = async (): Promise<void> => {
      for (let host = names[next++]; host !== undefined; host = names[next++]) {
        answers.set(host, await this.#target(host))
      }
    }
    await Promise.all(Array.from({ length: targetsAtOnce }, work))
    const ports = targets.flatMap((target) =>
      (answers.get(target.name)?.addresses ?? []).map(({ host }) => ({ host, port: target.port })),
    )
    const ttls = [...answers.values()].filter(({ addresses }) => addresses.length > 0)
    for (const answer of answers.values()) problems.push(...answer.problems)
    // The resolver does not tell the time of SRV records.
    const ttlMs = Math.min(...ttls.map((answer) => answer.ttlMs))
    return { addresses: ports, ttlMs: Number.isFinite(ttlMs) ? ttlMs : 0, problems }
  }

  #target(host: string): Promise<DnsAnswer> {
    if (isIP(host) === 0) return this.hosts(host, 0)
    return Promise.resolve({ addresses: [{ host, port: 0 }], ttlMs: 0, problems: [] })
  }

  async #ask<R>(
    question: string,
    ask: () => Promise<R[]>,
  ): Promise<{ records: readonly R[]; problem: Problem | null }> {
    const failed = (reason: NothingFound, words: string): { records: R[]; problem: Problem } => ({
      records: [],
      problem: { reason, text: `${question}: ${words}` },
    })
    if (this.#isOver) return failed('timedOut', this.#late)
    try {
      const records = await ask()
      const { recordsMax } = this.#limits
      if (records.length <= recordsMax) return { records, problem: null }
      return failed('tooLarge', `${records.length} records, above ${recordsMax} (recordsMax)`)
    } catch (error) {
      const code = String((error as NodeJS.ErrnoException | null)?.code)
      if (code === 'ECANCELLED') return failed('timedOut', this.#late)
      const [reason, words] = meanings.get(code) ?? ['failed', errorText(error)]
      return failed(reason, words)
    }
  }

  get #late(): string {
    return `no answer within ${this.#limits.lookupTimeoutMs} ms`
  }
}

function leastTtlMs(records: readonly { readonly ttl: number }[]): number {
  const least = Math.min(...records.map(({ ttl }) => ttl))
  return Number.isFinite(least) ? Math.max(0, least * 1_000) : 0
}

function isAbsence(reason: NothingFound): boolean {
  return reason === 'empty' || reason === 'notFound'
}

const meanings: ReadonlyMap<string, readonly [NothingFound, string]> = new Map([
  ['ENOTFOUND', ['notFound', 'the name does not exist (NXDOMAIN)']],
  ['ENODATA', ['empty', 'the name has no such records']],
  ['ECONNREFUSED', ['unreachable', 'no name server listens there']],
  ['ETIMEOUT', ['timedOut', 'the name server does not answer']],
  ['EREFUSED', ['denied', 'the name server refuses to answer (REFUSED)']],
  ['ESERVFAIL', ['failed', 'the name server fails (SERVFAIL)']],
  ['ENOTIMP', ['failed', 'the name server does not know such records (NOTIMP)']],
  ['EBADRESP', ['malformed', 'the answer cannot be read']],
  ['EFORMERR', ['malformed', 'the name server cannot read the question (FORMERR)']],
  ['EBADNAME', ['malformed', 'that is no name of the DNS']],
])
