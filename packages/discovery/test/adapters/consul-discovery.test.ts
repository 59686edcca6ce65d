import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { nextIndex, parseConsulAnswer } from '../../src/adapters/consul-answer.ts'
import {
  type ConsulDiscoveryOptions,
  consulDiscovery,
} from '../../src/adapters/consul-discovery.ts'
import type { Discovery, Found } from '../../src/discovery.ts'
import { startConsul } from '../consul-server.ts'
import { errorOf } from '../errors.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

const base = { service: 'shop', defaultPort: 6_969 }

/** A discovery whose looks end with the test. */
function discovery(options: Partial<ConsulDiscoveryOptions>): Discovery {
  const over = new AbortController()
  onTestFinished(() => over.abort())
  const asked = consulDiscovery({ ...base, ...options })
  return { find: () => asked.find(over.signal) }
}

function look(options: Partial<ConsulDiscoveryOptions>): Promise<Found> {
  return discovery(options).find(new AbortController().signal)
}

const noSignal = new AbortController().signal
const hostsOf = ({ addresses }: Found): string[] =>
  addresses.map(({ host, port }) => `${host} ${port}`)

describe('Consul', () => {
  it('brings instances that pass: their own address, else that of their node', async () => {
    const consul = await startConsul()
    consul.register(
      { address: '10.0.0.1', port: 7_000 },
      { address: '', nodeAddress: '10.9.9.9', port: 7_001 },
      { address: '10.0.0.3', port: 0 },
      { address: '10.0.0.4', port: 7_004, status: 'critical' },
      { address: 'localhost', port: 7_005 },
    )
    const lookup = async (): Promise<string[]> => ['127.0.0.1']
    const found = await look({ url: consul.url, lookup })
    expect(hostsOf(found)).toEqual([
      '10.0.0.1 7000',
      '10.9.9.9 7001',
      '10.0.0.3 6969',
      '127.0.0.1 7005',
    ])
    expect(found.reason).toBeNull()
    expect(consul.asked[0]?.search).toBe('?passing=true')
  })

  it('that sends instances which do not pass is not believed', async () => {
    const consul = await startConsul()
    consul.answer = (_, response) => {
      const service = { Address: '10.0.0.1', Port: 1 }
      const checks = [{ Status: 'passing' }, { Status: 'critical' }]
      response.end(JSON.stringify([{ Node: {}, Service: service, Checks: checks }]))
    }
    const found = await look({ url: consul.url })
    expect([found.addresses, found.reason]).toEqual([[], 'empty'])
    expect(found.detail).toContain('1 that do not pass left out')
  })

  it('is asked for a tag, a datacenter and a service with any name', async () => {
    const consul = await startConsul()
    await look({ url: `${consul.url}/prefix/`, service: 'a/b c', tag: 'blue', datacenter: 'dc2' })
    expect(consul.asked[0]?.pathname).toBe('/prefix/v1/health/service/a%2Fb%20c')
    expect(consul.asked[0]?.search).toBe('?passing=true&tag=blue&dc=dc2')
  })

  it('is asked once and then waited for; what changes is found', async () => {
    const consul = await startConsul()
    consul.register({ address: '10.0.0.1', port: 1 })
    const shop = discovery({ url: consul.url })
    expect(hostsOf(await shop.find(noSignal))).toEqual(['10.0.0.1 1'])
    await vi.waitUntil(() => consul.waiting === 1)
    for (let count = 0; count < 5; count++) await shop.find(noSignal)
    expect(consul.asked.length).toBe(2)
    expect(consul.asked[1]?.searchParams.get('index')).toBe('2')
    expect(consul.asked[1]?.searchParams.get('wait')).toBe('30000ms')
    consul.register({ address: '10.0.0.2', port: 2 })
    await expect.poll(async () => hostsOf(await shop.find(noSignal))).toEqual(['10.0.0.2 2'])
    // The end of a query's time is no change, and the next query waits for the same index.
    await vi.waitUntil(() => consul.waiting === 1)
    consul.release()
    await expect
      .poll(async () => {
        await shop.find(noSignal)
        return consul.asked.map((url) => url.searchParams.get('index'))
      })
      .toEqual([null, '2', '3', '3'])
    expect(hostsOf(await shop.find(noSignal))).toEqual(['10.0.0.2 2'])
  })

  it('whose index goes backwards is asked anew from the start', async () => {
    const consul = await startConsul()
    consul.index = 100
    consul.register({ address: '10.0.0.1', port: 1 })
    const shop = discovery({ url: consul.url })
    await shop.find(noSignal)
    await vi.waitUntil(() => consul.waiting === 1)
    consul.index = 5
    consul.release()
    const indexes = (): (string | null)[] =>
      consul.asked.map((url) => url.searchParams.get('index'))
    await expect
      .poll(async () => {
        await shop.find(noSignal)
        return indexes()
      })
      .toEqual([null, '101', null, '5'])
  })

  it('that fails while it is waited for is named at the next look, and asked again', async () => {
    const consul = await startConsul()
    consul.register({ address: '10.0.0.1', port: 1 })
    const shop = discovery({ url: consul.url })
    await shop.find(noSignal)
    await vi.waitUntil(() => consul.waiting === 1)
    consul.answer = (_, response) => void response.writeHead(500).end('No cluster leader')
    consul.register({ address: '10.0.0.2', port: 2 })
    consul.release()
    await shop.find(noSignal)
    await expect
      .poll(async () => {
        const { reason, detail } = await shop.find(noSignal)
        return [reason, detail.includes('it answered 500: No cluster leader')]
      })
      .toEqual(['failed', true])
    consul.answer = null
    expect(hostsOf(await shop.find(noSignal))).toEqual(['10.0.0.2 2'])
  })

  it('without an index is asked at each look', async () => {
    const consul = await startConsul()
    consul.answer = (_, response) => void response.end('[]')
    const shop = discovery({ url: consul.url })
    for (let count = 0; count < 3; count++) await shop.find(noSignal)
    expect(consul.asked.map(({ search }) => search)).toEqual(
      Array.from({ length: 3 }, () => '?passing=true'),
    )
  })

  it('gets a token, also one from a file that is rotated, and nobody else hears of it', async () => {
    const consul = await startConsul()
    consul.token = 'first-secret'
    consul.register({ address: '10.0.0.1', port: 1 })
    expect(hostsOf(await look({ url: consul.url, token: 'first-secret' }))).toEqual(['10.0.0.1 1'])
    const tokenFile = join(await temporaryDirectory(), 'token')
    await writeFile(tokenFile, 'old-secret\n')
    const shop = discovery({ url: consul.url, tokenFile })
    const denied = await shop.find(noSignal)
    expect([denied.addresses, denied.reason]).toEqual([[], 'denied'])
    expect(denied.detail).toContain('it answered 403: Permission denied')
    expect(denied.detail).not.toContain('secret')
    await writeFile(tokenFile, 'first-secret\n')
    expect(hostsOf(await shop.find(noSignal))).toEqual(['10.0.0.1 1'])
    const missing = await look({ url: consul.url, tokenFile: `${tokenFile}.gone` })
    expect([missing.reason, missing.detail]).toEqual([
      'notFound',
      expect.stringContaining(`${tokenFile}.gone: the file does not exist`),
    ])
  })

  it('is not followed when it points elsewhere: the token stays here', async () => {
    const elsewhere = await startConsul()
    const consul = await startConsul()
    consul.answer = (_, response) => {
      response.writeHead(307, { Location: `${elsewhere.url}/v1/health/service/shop` }).end()
    }
    const found = await look({ url: consul.url, token: 'secret' })
    expect([found.addresses, found.reason]).toEqual([[], 'redirected'])
    expect(elsewhere.asked).toEqual([])
  })

  it.each([
    ['is no JSON', 'malformed', '<html>'],
    ['is no list', 'malformed', '{"shop":[]}'],
    ['lists too many', 'tooLarge', JSON.stringify(Array.from({ length: 1_025 }, () => ({})))],
    ['lists no addresses', 'malformed', '[{}, null, 7, {"Service":{"Address":7,"Port":"x"}}]'],
    ['is too long', 'tooLarge', `[${' '.repeat(2_000_000)}]`],
  ])('whose answer %s is refused', async (_, reason, body) => {
    const consul = await startConsul()
    consul.answer = (_request, response) => void response.end(body)
    const found = await look({ url: consul.url })
    expect([found.addresses, found.reason]).toEqual([[], reason])
  })

  it.each([
    ['says nothing', () => {}],
    [
      'says it bit by bit, for ever',
      (write: (text: string) => void) => write('HTTP/1.1 200 OK\r\n'),
    ],
  ])('that %s costs no more than lookupTimeoutMs', async (_, behave) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      behave((text) => socket.write(text))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const found = await look({ url, options: { lookupTimeoutMs: 150 } })
    expect([found.reason, found.detail]).toEqual([
      'timedOut',
      expect.stringContaining('no answer within 150 ms'),
    ])
  })

  it('that speaks no HTTP, or is not there, is told from one that does', async () => {
    const server = createServer((socket) => void socket.resume().end('220 mail ready\r\n'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect((await look({ url })).reason).toBe('malformed')
    server.close()
    await once(server, 'close')
    const gone = await look({ url })
    expect([gone.reason, gone.detail]).toEqual([
      'unreachable',
      expect.stringContaining(`Consul at ${url}, service shop; it cannot be reached: ECONNREFUSED`),
    ])
  })

  it('is given up when the look is cancelled', async () => {
    const consul = await startConsul()
    consul.answer = () => {}
    const stop = new AbortController()
    const looking = errorOf(() => consulDiscovery({ ...base, url: consul.url }).find(stop.signal))
    stop.abort()
    expect((await looking).code).toBe('ERR_NODOSUM_CANCELLED')
  })

  it('is waited for no longer than the look that began it', async () => {
    const consul = await startConsul()
    const stop = new AbortController()
    await consulDiscovery({ ...base, url: consul.url }).find(stop.signal)
    await vi.waitUntil(() => consul.waiting === 1)
    stop.abort()
    await vi.waitUntil(() => consul.waiting === 0)
  })
})

describe('Consul over TLS', () => {
  it('is checked against caFile, and is shown a certificate where it asks for one', async () => {
    const directory = await temporaryDirectory()
    const make = (name: string): { certificateFile: string; keyFile: string } => {
      const keyFile = join(directory, `${name}.key`)
      const certificateFile = join(directory, `${name}.crt`)
      execFileSync(
        'openssl',
        [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
          ...['-keyout', keyFile, '-out', certificateFile, '-days', '2', '-subj', `/CN=${name}`],
          ...['-addext', 'subjectAltName=IP:127.0.0.1'],
        ],
        { stdio: 'ignore' },
      )
      return { certificateFile, keyFile }
    }
    const server = make('consul')
    const client = make('client')
    const consul = await startConsul({
      cert: readFileSync(server.certificateFile, 'utf8'),
      key: readFileSync(server.keyFile, 'utf8'),
      ca: readFileSync(client.certificateFile, 'utf8'),
    })
    consul.register({ address: '10.0.0.1', port: 1 })
    const { url } = consul
    const stranger = await look({ url })
    expect([stranger.addresses, stranger.reason]).toEqual([[], 'denied'])
    expect(stranger.detail).toContain('DEPTH_ZERO_SELF_SIGNED_CERT')
    const caFile = server.certificateFile
    expect((await look({ url, caFile })).addresses).toEqual([])
    expect(hostsOf(await look({ url, caFile, ...client }))).toEqual(['10.0.0.1 1'])
  })
})

describe('the index of an answer', () => {
  it.each([
    [undefined, 7, 0],
    ['text', 7, 0],
    ['0', 0, 0],
    ['-1', 0, 0],
    ['1e400', 0, 0],
    ['8', 7, 8],
    ['7', 7, 7],
    ['6', 7, 0],
  ])('%s after %i is waited for as %i', (header, index, next) => {
    expect(nextIndex(header, index)).toBe(next)
  })
})

describe('an answer of Consul', () => {
  it('of foreign forms never throws', () => {
    for (const body of ['[[]]', '[{"Checks":[null]}]', '[{"Node":7,"Service":[]}]', 'null', '1']) {
      const list = parseConsulAnswer(body, 10)
      if (!('reason' in list)) expect(list.instances).toEqual([])
    }
  })
})

describe('the options of Consul', () => {
  it.each([
    ['another scheme', { url: 'ftp://consul' }, 'consul.url'],
    ['no address', { url: 'consul' }, 'consul.url'],
    ['a password', { url: 'http://a:secret@consul' }, 'consul.url'],
    ['no service', { service: '' }, 'consul.service'],
    ['two tokens', { token: 'a', tokenFile: '/b' }, 'consul.token'],
    ['a token with a line break', { token: 'a\nb' }, 'consul.token'],
  ])('with %s are refused, without secrets in words', async (_, wrong, words) => {
    const error = await errorOf(() => consulDiscovery({ ...base, ...wrong }))
    expect([error.code, error.message]).toEqual([
      'ERR_NODOSUM_CONFIG_INVALID',
      expect.stringContaining(words),
    ])
    expect(error.message).not.toContain('secret')
  })
})
