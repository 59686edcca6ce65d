import { NodosumError } from '@nodosum/kernel'
import type { Discovery, Found } from '../discovery.ts'
import { type DiscoveryOptions, discoveryOptions } from '../options.ts'
import { abortable } from './abortable.ts'
import { nextIndex, parseConsulAnswer } from './consul-answer.ts'
import { ask } from './consul-request.ts'
import { HostLookup, type Lookup, systemLookup } from './host-lookup.ts'
import { parseEntries } from './parse-entries.ts'
import { nothingFrom, type Problem, resolveSeeds } from './resolve-seeds.ts'
import { requirePort } from './seed-address.ts'
import { readSmallFile } from './small-file.ts'

export interface ConsulDiscoveryOptions {
  /** Name under which the nodes are registered. */
  readonly service: string
  /** Of Consul's HTTP API, `http:` or `https:`; default `http://127.0.0.1:8500`, the local agent. */
  readonly url?: string | undefined
  /** Only instances with this tag. */
  readonly tag?: string | undefined
  /** Default: that of the agent. */
  readonly datacenter?: string | undefined
  /** Needs `service:read` and `node:read`; or else `tokenFile`. Over `http:` it can be read on the way. */
  readonly token?: string | undefined
  /** Files are read anew for each question, so that what they hold may be rotated. */
  readonly tokenFile?: string | undefined
  /** PEM file of the CAs that Consul's certificate is checked against; default Node's own. */
  readonly caFile?: string | undefined
  /** PEM files of this node's certificate and key, where Consul asks for them. */
  readonly certificateFile?: string | undefined
  readonly keyFile?: string | undefined
  /** For instances that are registered without a port: 1 to 65,535. */
  readonly defaultPort: number
  /** What to call the options in messages; default `discovery.consul`. */
  readonly where?: string | undefined
  /** Instead of the operating system's resolver, for instances that are registered with a name. */
  readonly lookup?: Lookup | undefined
  readonly options?: Partial<DiscoveryOptions> | undefined
}

const secretBytesMax = 65_536

/**
 * Finds members that are registered in Consul and whose checks pass. The first look asks; later
 * ones take what a blocking query has brought meanwhile, so Consul is asked again only when the
 * service changes or `consulWaitMs` are over. That query ends when the signal of the look that
 * began it aborts, and never keeps the process alive. It registers nothing.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID for a wrong URL, port or name
 */
export function consulDiscovery(options: ConsulDiscoveryOptions): Discovery {
  return new ConsulServices(options)
}

class ConsulServices implements Discovery {
  readonly #settings: ConsulDiscoveryOptions
  readonly #url: URL
  readonly #limits: DiscoveryOptions
  readonly #lookup: HostLookup
  /** What was found last and still holds; null before that, and after a failure. */
  #found: Found | null = null
  /** 0: an answer is wanted at once. */
  #index = 0
  #isWatching = false

  constructor(settings: ConsulDiscoveryOptions) {
    this.#limits = discoveryOptions.parse(settings.options)
    requirePort(settings.defaultPort)
    this.#settings = settings
    this.#url = urlOf(settings)
    this.#lookup = new HostLookup(settings.lookup ?? systemLookup)
  }

  find(signal: AbortSignal): Promise<Found> {
    return abortable(signal, async () => {
      const found = this.#found ?? (await this.#ask(signal))
      this.#watch(signal)
      return found
    })
  }

  #watch(signal: AbortSignal): void {
    if (this.#isWatching || this.#index === 0 || this.#found === null) return
    this.#isWatching = true
    void this.#ask(signal)
      .catch(() => {
        this.#forget()
      })
      .finally(() => {
        this.#isWatching = false
      })
  }

  async #ask(signal: AbortSignal): Promise<Found> {
    const { consulWaitMs, lookupTimeoutMs, answerBytesMax, recordsMax } = this.#limits
    const { service, defaultPort } = this.#settings
    const source = `Consul at ${this.#url.origin}, service ${service}`
    const credentials = await this.#credentials()
    if ('reason' in credentials) return this.#failed(source, credentials)
    const url = new URL(this.#url)
    const isWaiting = this.#index > 0
    if (isWaiting) {
      url.searchParams.set('index', String(this.#index))
      url.searchParams.set('wait', `${consulWaitMs}ms`)
    }
    // Consul adds up to a sixteenth.
    const heldMs = isWaiting ? consulWaitMs + consulWaitMs / 16 : 0
    const answer = await ask(
      {
        url,
        ...credentials,
        timeoutMs: Math.ceil(heldMs + lookupTimeoutMs),
        bytesMax: answerBytesMax,
        isBackground: isWaiting,
      },
      signal,
    )
    if ('reason' in answer) return this.#failed(source, answer)
    const list = parseConsulAnswer(answer.body, recordsMax)
    if ('reason' in list) return this.#failed(source, list)
    const hosts = list.instances.map(({ host, port }) => ({ host, port: port ?? defaultPort }))
    const { seeds, problems } = parseEntries(hosts, { defaultPort, entriesMax: recordsMax })
    const found = await resolveSeeds(seeds, this.#lookup, this.#limits, signal, {
      from: source,
      problems: [...list.problems, ...problems],
    })
    this.#index = nextIndex(answer.header('x-consul-index'), this.#index)
    // Without an index there is nothing to wait for: the next look asks anew.
    this.#found = this.#index > 0 ? found : null
    return found
  }

  #failed(source: string, problem: Problem): Found {
    this.#forget()
    return nothingFrom(source, problem)
  }

  #forget(): void {
    this.#found = null
    this.#index = 0
  }

  async #credentials(): Promise<Problem | { headers: Record<string, string>; tls: object }> {
    const { token, tokenFile, caFile, certificateFile, keyFile } = this.#settings
    const files = { token: tokenFile, ca: caFile, cert: certificateFile, key: keyFile }
    const texts: Record<string, string> = {}
    for (const [name, file] of Object.entries(files)) {
      if (file === undefined) continue
      const text = await readSmallFile(file, secretBytesMax)
      if (typeof text !== 'string') return { ...text, text: `${file}: ${text.text}` }
      texts[name] = text.trim()
    }
    const { token: read, ...tls } = texts
    const sent = token ?? read
    return { headers: sent === undefined ? {} : { 'X-Consul-Token': sent }, tls }
  }
}

function urlOf(settings: ConsulDiscoveryOptions): URL {
  const { where = 'discovery.consul', service, tag, datacenter, token, tokenFile } = settings
  const given = settings.url ?? 'http://127.0.0.1:8500'
  const invalid = (key: string, problem: string): NodosumError =>
    new NodosumError('ERR_NODOSUM_CONFIG_INVALID', `${where}.${key}: ${problem}`)
  const url = URL.canParse(given) ? new URL(given) : null
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw invalid('url', 'it is no http: or https: address, such as http://127.0.0.1:8500')
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid('url', 'it holds a name or a password; Consul takes a token')
  }
  if (typeof service !== 'string' || service === '' || service.length > 255) {
    throw invalid('service', 'the name of the service, 1 to 255 characters')
  }
  if (token !== undefined && tokenFile !== undefined) {
    throw invalid('token', 'give either token or tokenFile')
  }
  if (token !== undefined && !/^[\x21-\x7e]{1,512}$/.test(token)) {
    throw invalid('token', 'it is no token: 1 to 512 visible characters')
  }
  const base = url.pathname.replace(/\/$/, '')
  url.pathname = `${base}/v1/health/service/${encodeURIComponent(service)}`
  url.search = ''
  url.searchParams.set('passing', 'true')
  if (tag !== undefined) url.searchParams.set('tag', tag)
  if (datacenter !== undefined) url.searchParams.set('dc', datacenter)
  return url
}
