import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type DnsDiscoveryOptions, dnsDiscovery } from '../../src/adapters/dns-discovery.ts'
import type { Found } from '../../src/discovery.ts'
import { errorOf } from '../errors.ts'
import { encodeName, startHostileServer, startNameServer } from '../name-server.ts'

const noSignal = new AbortController().signal
const defaultPort = 6_969

function look(servers: string, options: Partial<DnsDiscoveryOptions>): Promise<Found> {
  const name = 'shop.test'
  return dnsDiscovery({ name, defaultPort, servers: [servers], ...options }).find(noSignal)
}

function hostsOf({ addresses }: Found): string[] {
  return addresses.map(({ host, port }) => `${host} ${port}`).sort()
}

describe('DNS, asked of dnsmasq', () => {
  it('brings A and AAAA records with the default port', async () => {
    const server = await startNameServer({
      hosts: ['127.0.0.2 shop.test', '127.0.0.3 shop.test', '::1 shop.test'],
    })
    const found = await look(server.address, {})
    expect(hostsOf(found)).toEqual(['127.0.0.2 6969', '127.0.0.3 6969', '::1 6969'])
    expect(found.reason).toBeNull()
    expect(found.detail).toBe(`3 addresses from DNS, A and AAAA of shop.test at ${server.address}`)
  })

  it('brings SRV records with their ports, at all addresses of their targets', async () => {
    const server = await startNameServer({
      hosts: ['127.0.0.2 a.test', '127.0.0.3 b.test', '::1 b.test'],
      more: ['a', 'b', 'gone'].map(
        (host, at) => `--srv-host=_n._udp.shop.test,${host}.test,${7_000 + at}`,
      ),
    })
    const found = await look(server.address, { name: '_n._udp.shop.test' })
    expect(hostsOf(found)).toEqual(['127.0.0.2 7000', '127.0.0.3 7001', '::1 7001'])
    expect(found.detail).toContain('A gone.test: the name does not exist (NXDOMAIN)')
  })

  it('is asked anew when the time of its records is over, and not before', async () => {
    const server = await startNameServer({ hosts: ['127.0.0.2 shop.test'], ttlSeconds: 5 })
    let nowMs = 0
    const discovery = dnsDiscovery({
      name: 'shop.test',
      defaultPort,
      servers: [server.address],
      nowMs: () => nowMs,
    })
    const found = async (): Promise<string[]> => hostsOf(await discovery.find(noSignal))
    expect(await found()).toEqual(['127.0.0.2 6969'])
    await server.setHosts(['127.0.0.9 shop.test'])
    nowMs = 4_999
    expect(await found()).toEqual(['127.0.0.2 6969'])
    expect(server.questions('A')).toBe(1)
    nowMs = 5_001
    expect(await found()).toEqual(['127.0.0.9 6969'])
    expect(server.questions('A')).toBe(2)
  })

  it.each([
    ['a time of 0 counts as dnsTtlMinMs', 0, 1_000],
    ['a long time counts as dnsTtlMaxMs', 86_400, 30_000],
  ])('%s', async (_, ttlSeconds, keptMs) => {
    const server = await startNameServer({ hosts: ['127.0.0.2 shop.test'], ttlSeconds })
    let nowMs = 0
    const options = { name: 'shop.test', defaultPort, servers: [server.address] }
    const discovery = dnsDiscovery({ ...options, nowMs: () => nowMs })
    await discovery.find(noSignal)
    nowMs = keptMs - 1
    await discovery.find(noSignal)
    expect(server.questions('A')).toBe(1)
    nowMs = keptMs
    await discovery.find(noSignal)
    expect(server.questions('A')).toBe(2)
  })

  it('is asked at each look while it knows nobody, and says why', async () => {
    const server = await startNameServer({ more: ['--txt-record=text.test,hello'] })
    const discovery = dnsDiscovery({ name: 'shop.test', defaultPort, servers: [server.address] })
    const first = await discovery.find(noSignal)
    expect([first.addresses, first.reason]).toEqual([[], 'notFound'])
    expect(first.detail).toContain('A shop.test: the name does not exist (NXDOMAIN)')
    await server.setHosts(['127.0.0.4 shop.test'])
    expect(hostsOf(await discovery.find(noSignal))).toEqual(['127.0.0.4 6969'])
    const text = await look(server.address, { name: 'text.test' })
    expect([text.reason, text.detail]).toEqual([
      'empty',
      expect.stringContaining('A text.test: the name has no such records'),
    ])
    const refused = await look(server.address, { name: 'shop.elsewhere' })
    expect(refused.reason).toBe('denied')
  })

  it('that lists 10,000 addresses is refused, and with a higher limit cut', async () => {
    const hosts = Array.from({ length: 10_000 }, (_, at) => `10.0.${at >> 8}.${at & 255} shop.test`)
    const server = await startNameServer({ hosts })
    const refused = await look(server.address, {})
    expect([refused.addresses, refused.reason]).toEqual([[], 'tooLarge'])
    expect(refused.detail).toMatch(/A shop.test: \d{4} records, above 1024 \(recordsMax\)/)
    const cut = await look(server.address, { options: { recordsMax: 65_536 } })
    expect(cut.addresses.length).toBe(128)
    expect(cut.detail).toMatch(/\d+ more left out \(addressesMax\)/)
  })
})

describe('a name server', () => {
  const cname = 5
  const a = 1
  const srv = 33

  it('that answers with a loop of CNAMEs brings nothing', async () => {
    const server = await startHostileServer((name) => [
      { name, type: cname, data: encodeName('b.test') },
      { name: 'b.test', type: cname, data: encodeName(name) },
    ])
    const found = await look(server, {})
    expect([found.addresses, found.reason]).toEqual([[], 'empty'])
  })

  it('that answers with records of another kind brings nothing', async () => {
    const server = await startHostileServer(() => [{ type: 16, data: Buffer.from('\x05hello') }])
    const found = await look(server, { name: '_n._udp.shop.test' })
    expect([found.addresses, found.reason]).toEqual([[], 'empty'])
  })

  it.each([
    ['with rubbish', () => Buffer.from('rubbish, rubbish, rubbish')],
    ['with an address of 3 bytes', () => [{ type: a, data: Buffer.from([127, 0, 0]) }]],
  ])('that answers %s is refused', async (_, answer) => {
    const found = await look(await startHostileServer(answer), {
      options: { lookupTimeoutMs: 600 },
    })
    expect(found.addresses).toEqual([])
    expect(['malformed', 'timedOut']).toContain(found.reason)
  })

  it('that names port 0, every address, or itself for ever as target, is not followed', async () => {
    const target = (port: number, name: string): Buffer =>
      Buffer.concat([Buffer.from([0, 0, 0, 0, port >> 8, port & 255]), encodeName(name)])
    const server = await startHostileServer((name, type) => {
      if (type === srv) {
        return [
          { type: srv, data: target(0, 'a.test') },
          { type: srv, data: target(7_000, 'zero.test') },
          { type: srv, data: target(7_001, name) },
          { type: srv, data: target(7_002, 'a.test') },
        ]
      }
      if (type !== a || name.startsWith('_')) return []
      return [{ type: a, data: Buffer.from(name === 'a.test' ? [127, 0, 0, 1] : [0, 0, 0, 0]) }]
    })
    const found = await look(server, { name: '_n._udp.shop.test' })
    expect(hostsOf(found)).toEqual(['127.0.0.1 7002'])
  })

  it('that says by the root as target that there is no service is believed', async () => {
    const server = await startHostileServer((_, type) =>
      type === srv ? [{ type: srv, data: Buffer.from([0, 0, 0, 0, 0, 0, 0]) }] : [],
    )
    const found = await look(server, { name: '_n._udp.shop.test' })
    expect([found.reason, found.detail]).toEqual([
      'empty',
      expect.stringContaining('it says that there is none'),
    ])
  })

  it('that is silent costs no more than lookupTimeoutMs', async () => {
    const server = await startHostileServer(() => undefined)
    const found = await look(server, { options: { lookupTimeoutMs: 300 } })
    expect([found.addresses, found.reason]).toEqual([[], 'timedOut'])
  })

  it('that does not listen is named', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address()
    socket.close()
    const found = await look(`127.0.0.1:${port}`, { options: { lookupTimeoutMs: 1_000 } })
    expect(['unreachable', 'timedOut']).toContain(found.reason)
    expect(found.detail).toContain(`at 127.0.0.1:${port}`)
  })

  it('is not waited for when the look is cancelled', async () => {
    const server = await startHostileServer(() => undefined)
    const stop = new AbortController()
    const discovery = dnsDiscovery({ name: 'shop.test', defaultPort, servers: [server] })
    const looking = errorOf(() => discovery.find(stop.signal))
    stop.abort()
    expect((await looking).code).toBe('ERR_NODOSUM_CANCELLED')
    onTestFinished(() => stop.abort())
  })
})

describe('the options of DNS', () => {
  it.each([
    ['an address as name', { name: '10.0.0.1' }, 'discovery.dns.name'],
    ['a port in the name', { name: 'shop.test:7000' }, 'discovery.dns.name'],
    ['an empty name', { name: '' }, 'discovery.dns.name'],
    ['a name server by name', { servers: ['ns.test'] }, 'discovery.dns.servers[0]'],
    ['no name server', { servers: [] }, 'discovery.dns.servers'],
    ['nine name servers', { servers: Array.from({ length: 9 }, () => '10.0.0.1') }, 'servers'],
    ['port 0', { defaultPort: 0 }, 'defaultPort'],
  ])('with %s are refused', async (_, wrong, words) => {
    const error = await errorOf(() => dnsDiscovery({ name: 'shop.test', defaultPort, ...wrong }))
    expect([error.code, error.message]).toEqual([
      'ERR_NODOSUM_CONFIG_INVALID',
      expect.stringContaining(words),
    ])
  })
})
