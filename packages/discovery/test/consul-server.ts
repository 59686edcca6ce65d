import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** One instance of a service, as it is registered. */
export interface Instance {
  readonly address: string
  readonly port: number
  readonly nodeAddress?: string
  readonly status?: 'passing' | 'warning' | 'critical'
  readonly tags?: readonly string[]
}

/** What Consul documents of one entry of `/v1/health/service/:service`; more is in a real one. */
function entryOf(instance: Instance, at: number): object {
  const { address, port, nodeAddress = '10.1.10.12', status = 'passing', tags = [] } = instance
  const node = `node-${at}`
  const check = { Node: node, CheckID: `service:shop-${at}`, Name: 'alive', Status: status }
  const serf = { Node: node, CheckID: 'serfHealth', Name: 'Serf Health Status', Status: 'passing' }
  return {
    Node: { ID: '40e4a748', Node: node, Address: nodeAddress, Datacenter: 'dc1', Meta: {} },
    Service: { ID: `shop-${at}`, Service: 'shop', Tags: tags, Address: address, Port: port },
    Checks: [check, serf],
  }
}

/** Answers like Consul's health endpoint, with blocking queries, until the test ends. */
export class ConsulServer {
  url = ''
  /** What was asked, oldest first: path and query. */
  readonly asked: URL[] = []
  readonly tokens: (string | undefined)[] = []
  token: string | null = null
  /** Instead of the usual answer. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | null = null
  index = 1
  #instances: readonly Instance[] = []
  readonly #held = new Set<() => void>()

  /** Blocking queries that have no answer yet. */
  get waiting(): number {
    return this.#held.size
  }

  register(...instances: readonly Instance[]): void {
    this.#instances = instances
    this.index += 1
    this.release()
  }

  /** Answers all blocking queries, as at the end of their time. */
  release(): void {
    for (const answer of [...this.#held]) answer()
  }

  readonly listener = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '/', 'http://consul')
    this.asked.push(url)
    this.tokens.push(request.headers['x-consul-token'] as string | undefined)
    if (this.answer !== null) return this.answer(request, response)
    if (this.token !== null && request.headers['x-consul-token'] !== this.token) {
      response.writeHead(403).end('Permission denied: token with AccessorID lacks permission')
      return
    }
    if (url.pathname !== '/v1/health/service/shop') {
      return this.#list(response, [])
    }
    const wanted = Number(url.searchParams.get('index') ?? '0')
    const tell = (): void => this.#list(response, this.#matching(url))
    if (wanted < this.index) return tell()
    const held = (): void => {
      this.#held.delete(held)
      tell()
    }
    this.#held.add(held)
    response.on('close', () => this.#held.delete(held))
  }

  #matching(url: URL): object[] {
    const tag = url.searchParams.get('tag')
    const entries = this.#instances
      .filter(({ tags = [] }) => tag === null || tags.includes(tag))
      .filter(
        ({ status = 'passing' }) =>
          url.searchParams.get('passing') === null || status === 'passing',
      )
    return entries.map(entryOf)
  }

  #list(response: ServerResponse, entries: readonly object[]): void {
    const headers = { 'Content-Type': 'application/json', 'X-Consul-Index': String(this.index) }
    response.writeHead(200, headers).end(JSON.stringify(entries))
  }
}

export async function startConsul(tls?: {
  readonly cert: string
  readonly key: string
  readonly ca?: string
}): Promise<ConsulServer> {
  const consul = new ConsulServer()
  const server =
    tls === undefined
      ? createServer(consul.listener)
      : createTlsServer({ ...tls, requestCert: tls.ca !== undefined }, consul.listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  consul.url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  return consul
}
