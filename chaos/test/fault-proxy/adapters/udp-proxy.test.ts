import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  type FaultChange,
  startUdpProxy,
  type UdpFaults,
  type UdpProxy,
} from '../../../src/fault-proxy/index.ts'

const loopback = '127.0.0.1'
const until = (holds: () => boolean): Promise<unknown> => vi.waitUntil(holds, { timeout: 10_000 })

async function bound(host = loopback): Promise<Socket> {
  const socket = createSocket(host === loopback ? 'udp4' : 'udp6')
  onTestFinished(() => void socket.close())
  socket.bind(0, host)
  await once(socket, 'listening')
  return socket
}

async function proxyTo(
  upstream: Socket,
  faults: FaultChange<UdpFaults> = {},
  host = loopback,
): Promise<UdpProxy> {
  const to = { host, port: upstream.address().port }
  const proxy = await startUdpProxy({ listen: { host, port: 0 }, to, faults, seed: 'real' })
  onTestFinished(() => proxy.close())
  return proxy
}

const next = async (socket: Socket): Promise<[string, RemoteInfo]> => {
  const [bytes, from] = (await once(socket, 'message')) as [Buffer, RemoteInfo]
  return [bytes.toString(), from]
}

describe('a proxy of real datagrams', () => {
  it.each([loopback, '::1'])(
    'brings them there and back, clients kept apart, on %s',
    async (host) => {
      const upstream = await bound(host)
      upstream.on('message', (bytes, { address, port }) => upstream.send(bytes, port, address))
      const seen = new Set<number>()
      upstream.on('message', (_, { port }) => seen.add(port))
      const proxy = await proxyTo(upstream, {}, host)
      const clients = await Promise.all([bound(host), bound(host)])
      for (const [index, client] of clients.entries()) {
        client.send(`from ${index}`, proxy.address.port, host)
        const [text, from] = await next(client)
        expect(text).toBe(`from ${index}`)
        expect(from.port).toBe(proxy.address.port)
      }
      expect(seen.size).toBe(2)
      expect(proxy.sessions).toBe(2)
      // Whether the system took a datagram is heard a turn after it has arrived.
      await until(() => proxy.counters.backward.delivered === 2)
    },
  )

  it('brings empty datagrams and the largest ones', async () => {
    const upstream = await bound()
    const proxy = await proxyTo(upstream)
    const client = await bound()
    for (const length of [0, 65_507]) {
      client.send(Buffer.alloc(length, 7), proxy.address.port, loopback)
      const [bytes] = (await once(upstream, 'message')) as [Buffer]
      expect(bytes.equals(Buffer.alloc(length, 7))).toBe(true)
    }
  })

  it('never lets one through before its delay', async () => {
    const upstream = await bound()
    const proxy = await proxyTo(upstream, { delayMs: 50, jitterMs: 20 })
    const client = await bound()
    const took: number[] = []
    upstream.on('message', (bytes) => took.push(performance.now() - Number(bytes.toString())))
    for (let at = 0; at < 50; at++)
      client.send(String(performance.now()), proxy.address.port, loopback)
    await until(() => took.length === 50)
    expect(Math.min(...took)).toBeGreaterThanOrEqual(30)
    // On an idle machine all are below 75 ms; that they differ is what can be said on a busy one.
    expect(Math.max(...took)).toBeGreaterThan(50)
    proxy.expectFired('jitter', { direction: 'forward', min: 50 })
  })

  it('is changed while it runs, and its counters tell what happened', async () => {
    const upstream = await bound()
    const proxy = await proxyTo(upstream, { loss: 1 })
    const client = await bound()
    client.send('lost', proxy.address.port, loopback)
    await until(() => proxy.counters.forward.loss === 1)
    expect(() => proxy.expectFired('corruption')).toThrow('corruption fired 0 times')
    proxy.set({ loss: 0, corruption: 1 })
    client.send('a', proxy.address.port, loopback)
    const [corrupt] = await next(upstream)
    expect(corrupt).not.toBe('a')
    proxy.clear()
    client.send('a', proxy.address.port, loopback)
    expect((await next(upstream))[0]).toBe('a')
    for (const fault of ['loss', 'corruption'] as const) proxy.expectFired(fault)
  })

  it('cannot listen where somebody else does, and says so', async () => {
    const upstream = await bound()
    const { address, port } = upstream.address()
    const listen = { host: address, port }
    await expect(startUdpProxy({ listen, to: listen })).rejects.toMatchObject({
      code: 'ERR_NODOSUM_LISTEN_FAILED',
      message: expect.stringContaining(`cannot listen on 127.0.0.1:${port}: EADDRINUSE`),
    })
  })

  it.each([
    ['an address', { to: { host: 'localhost', port: 1 } }, 'to: the host must be an IP address'],
    ['a port', { to: { host: loopback, port: 0 } }, 'to: expected the address and port'],
    ['faults', { faults: { loss: 5 } }, 'loss: expected a number from 0 to 1, got 5'],
    ['limits', { limits: { sessionsMax: 0 } }, 'sessionsMax: expected a whole number from 1'],
  ])('refuses %s that cannot be', async (_, wrong, message) => {
    const options = { listen: { host: loopback, port: 0 }, to: { host: loopback, port: 1 } }
    await expect(startUdpProxy({ ...options, ...wrong })).rejects.toMatchObject({
      code: 'ERR_NODOSUM_CONFIG_INVALID',
      message: expect.stringContaining(message),
    })
  })
})
