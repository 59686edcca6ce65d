import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { seededRandom } from '@nodosum/kernel'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  type FaultChange,
  startTcpProxy,
  type TcpFaults,
  type TcpLimits,
  type TcpProxy,
} from '../../../src/fault-proxy/index.ts'

const loopback = '127.0.0.1'
const until = (holds: () => boolean): Promise<unknown> => vi.waitUntil(holds, { timeout: 10_000 })

interface World {
  readonly proxy: TcpProxy
  /** A client's connection and what the upstream got of it. */
  connectPair(): Promise<{ client: Socket; server: Socket }>
  dial(): Socket
}

async function world(
  faults: FaultChange<TcpFaults> = {},
  limits: Partial<TcpLimits> = {},
): Promise<World> {
  const upstream = createServer({ allowHalfOpen: true })
  upstream.listen(0, loopback)
  await once(upstream, 'listening')
  const { port } = upstream.address() as { port: number }
  const listen = { host: loopback, port: 0 }
  const to = { host: loopback, port }
  const proxy = await startTcpProxy({ listen, to, faults, limits, seed: 'real' })
  const sockets: Socket[] = []
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    upstream.close()
    await proxy.close()
  })
  const keep = (socket: Socket): Socket => {
    sockets.push(socket)
    // A reset is what some tests ask for.
    return socket.on('error', () => undefined)
  }
  const dial = (): Socket =>
    keep(connect({ host: loopback, port: proxy.address.port, allowHalfOpen: true }))
  return {
    proxy,
    dial,
    connectPair: async () => {
      const accepted = once(upstream, 'connection')
      const client = dial()
      return { client, server: keep(((await accepted) as [Socket])[0]) }
    },
  }
}

async function everything(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'end')
  return Buffer.concat(chunks)
}

const errorOf = async (socket: Socket): Promise<string | undefined> => {
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  return error.code
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const bulk = Buffer.from(seededRandom('bulk').bytes(2 * 1_024 * 1_024))

describe('a proxy of real connections', () => {
  it('brings every byte in order, both ways at once, through delay, stalls and a rate', async () => {
    const { connectPair, proxy } = await world({
      delayMs: 20,
      jitterMs: 20,
      stallShare: 0.05,
      stallTimeMs: 30,
      rateBytesPerSecond: 20_000_000,
    })
    const { client, server } = await connectPair()
    const got = Promise.all([everything(client), everything(server)])
    client.end(bulk)
    server.end(bulk)
    for (const bytes of await got) expect(hash(bytes)).toBe(hash(bulk))
    for (const fault of ['delay', 'jitter', 'rate', 'stall'] as const) {
      proxy.expectFired(fault, { direction: 'forward' })
      proxy.expectFired(fault, { direction: 'backward' })
    }
    await until(() => proxy.connections === 0)
    const { forward } = proxy.counters
    expect(forward.deliveredBytes).toBe(bulk.length)
    expect(forward.receivedBytes).toBe(bulk.length)
  })

  it('lets one direction end and the other go on', async () => {
    const { connectPair } = await world()
    const { client, server } = await connectPair()
    client.end('question')
    expect((await everything(server)).toString()).toBe('question')
    server.end('answer')
    expect((await everything(client)).toString()).toBe('answer')
  })

  it('flips bits and nothing else', async () => {
    const { connectPair, proxy } = await world({ forward: { corruption: 1 } })
    const { client, server } = await connectPair()
    client.end(bulk)
    const got = await everything(server)
    expect(got.length).toBe(bulk.length)
    const differing = got.filter((byte, at) => byte !== bulk[at]).length
    expect(differing).toBe(proxy.counters.forward.corruption)
    expect(differing).toBeGreaterThan(0)
  })

  it('resets both ends now', async () => {
    const { connectPair, proxy } = await world()
    const { client, server } = await connectPair()
    const errors = Promise.all([errorOf(client), errorOf(server)])
    expect(proxy.reset()).toBe(1)
    expect(await errors).toEqual(['ECONNRESET', 'ECONNRESET'])
    await until(() => proxy.connections === 0)
    proxy.expectFired('reset')
    // The next connection is a new one.
    const { client: again, server: fresh } = await connectPair()
    again.end('hello')
    expect((await everything(fresh)).toString()).toBe('hello')
  })

  it('resets both ends after so many bytes of one direction', async () => {
    const { connectPair, proxy } = await world({ backward: { resetAfterBytes: 1_000 } })
    const { client, server } = await connectPair()
    let got = 0
    client.on('data', (chunk) => {
      got += chunk.length
    })
    const errors = Promise.all([errorOf(client), errorOf(server)])
    client.write(Buffer.alloc(5_000))
    server.write(Buffer.alloc(999))
    await until(() => got === 999)
    server.write(Buffer.alloc(999))
    expect(await errors).toEqual(['ECONNRESET', 'ECONNRESET'])
    expect(got).toBeLessThanOrEqual(1_000)
    expect(proxy.counters.backward).toMatchObject({ reset: 1, deliveredBytes: 1_000 })
  })

  it('passes a reset of one end on to the other, and no end', async () => {
    const { connectPair } = await world()
    const { client, server } = await connectPair()
    const error = errorOf(client)
    client.resume()
    server.resetAndDestroy()
    expect(await error).toBe('ECONNRESET')
  })

  it('resets a client whose upstream nobody serves', async () => {
    const { proxy: gone } = await world()
    const to = gone.address
    await gone.close()
    const proxy = await startTcpProxy({ listen: { host: loopback, port: 0 }, to })
    onTestFinished(() => proxy.close())
    const client = connect(proxy.address.port, loopback)
    expect(await errorOf(client)).toBe('ECONNRESET')
    await until(() => proxy.connections === 0)
  })

  it('accepts and goes nowhere when both directions are half open', async () => {
    const { dial, proxy } = await world({ halfOpen: true })
    const client = dial()
    let heard = ''
    client.on('data', () => {
      heard = 'data'
    })
    client.on('end', () => {
      heard = 'end'
    })
    await once(client, 'connect')
    client.write('anybody there?')
    await until(() => proxy.counters.forward.discarded === 1)
    proxy.clear()
    client.end('hello?')
    await until(() => proxy.counters.forward.discarded === 2)
    expect(heard).toBe('')
    proxy.expectFired('halfOpen')
  })

  it('is deaf in one direction while the other works, and neither end hears of it', async () => {
    const { connectPair, proxy } = await world({ forward: { halfOpen: true } })
    const { client, server } = await connectPair()
    let heard = ''
    server.on('data', () => {
      heard = 'data'
    })
    server.on('end', () => {
      heard = 'end'
    })
    client.write('into the void')
    server.write('all is well')
    expect(String((await once(client, 'data'))[0])).toBe('all is well')
    client.resetAndDestroy()
    await until(() => proxy.counters.forward.discarded === 1)
    // When the proxy has noticed, what the server says leads nowhere; the server still hears nothing.
    await until(() => server.write('still here') && proxy.counters.backward.discarded > 0)
    expect(heard).toBe('')
    expect(server.destroyed).toBe(false)
  })

  it('holds everything while stalled, bounds what it holds, and loses nothing', async () => {
    const limits = { laneBytesMax: 65_536 }
    const { connectPair, proxy } = await world({ forward: { stall: true } }, limits)
    const { client, server } = await connectPair()
    const got = everything(server)
    const large = Buffer.concat(Array.from({ length: 8 }, () => bulk))
    client.end(large)
    // It has read what it may, and the client's system has taken what it can.
    const read = (): number => proxy.counters.forward.receivedBytes
    await until(() => read() >= limits.laneBytesMax)
    let before = -1
    await vi.waitUntil(
      () => {
        const isStill = read() === before
        before = read()
        return isStill
      },
      { interval: 100, timeout: 10_000 },
    )
    expect(read()).toBeLessThanOrEqual(limits.laneBytesMax + 65_536)
    expect(proxy.counters.forward.deliveredBytes).toBe(0)
    proxy.set({ forward: { stall: false } })
    expect(hash(await got)).toBe(hash(large))
    proxy.expectFired('stall', { direction: 'forward' })
  })

  it('lets a slow reader slow the writer down', async () => {
    const limits = { laneBytesMax: 65_536 }
    const { connectPair, proxy } = await world({}, limits)
    const { client, server } = await connectPair()
    server.pause()
    const large = Buffer.concat(Array.from({ length: 16 }, () => bulk))
    client.end(large)
    await until(() => proxy.counters.forward.receivedBytes > 0)
    let before = -1
    await vi.waitUntil(
      () => {
        const isStill = proxy.counters.forward.receivedBytes === before
        before = proxy.counters.forward.receivedBytes
        return isStill
      },
      { interval: 100, timeout: 10_000 },
    )
    expect(before).toBeLessThan(large.length)
    const got = everything(server)
    server.resume()
    expect(hash(await got)).toBe(hash(large))
  })

  it('takes no more connections than it may: one more is reset, and counted', async () => {
    const { connectPair, dial, proxy } = await world({}, { connectionsMax: 1 })
    await connectPair()
    expect(await errorOf(dial())).toBe('ECONNRESET')
    proxy.expectFired('overflow', { direction: 'forward', min: 1 })
    expect(proxy.connections).toBe(1)
  })

  it('cannot listen where somebody else does, and says so', async () => {
    const { proxy } = await world()
    const listen = proxy.address
    await expect(startTcpProxy({ listen, to: listen })).rejects.toMatchObject({
      code: 'ERR_NODOSUM_LISTEN_FAILED',
      message: expect.stringContaining('EADDRINUSE'),
    })
  })

  it('refuses loss, which TCP does not have', async () => {
    const address = { host: loopback, port: 0 }
    const faults = { loss: 0.1 } as FaultChange<TcpFaults>
    await expect(
      startTcpProxy({ listen: address, to: { ...address, port: 1 }, faults }),
    ).rejects.toMatchObject({ message: expect.stringContaining('loss: TCP has no loss') })
  })
})
