/** QUIC over a path that stops carrying large datagrams while a connection uses them. */
import type { Connection, UdpPort } from '@nodosum/transport'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { makeCertificates } from '../../packages/transport-quic/test/certificates.ts'
import { startNode } from '../../packages/transport-quic/test/harness.ts'
import { startUdpProxy, type UdpProxy } from '../src/fault-proxy/index.ts'

const certificates = makeCertificates()
afterAll(() => certificates.remove())

interface Path {
  readonly dialer: Connection
  readonly acceptor: Connection
  readonly proxy: UdpProxy
  /** The largest datagram of the dialer since it was asked the last time. */
  largest(): number
}

async function open(): Promise<Path> {
  let largest = 0
  const measured = (udp: UdpPort): UdpPort => {
    const send = udp.send.bind(udp)
    udp.send = (bytes, to) => {
      largest = Math.max(largest, bytes.length)
      send(bytes, to)
    }
    return udp
  }
  const [first, second] = ['first', 'second'].map((name) =>
    certificates.issue(`spiffe://test/nodosum/shop/${name}`),
  )
  if (first === undefined || second === undefined) throw new Error('no certificates')
  const a = await startNode({ credentials: first, wrap: measured })
  const b = await startNode({ credentials: second })
  const proxy = await startUdpProxy({
    listen: { host: '127.0.0.1', port: 0 },
    to: b.address,
    seed: 'packet sizes',
  })
  onTestFinished(async () => {
    await Promise.all([a.close(), b.close()])
    await proxy.close()
  })
  const accepted = Promise.withResolvers<Connection>()
  await b.transport.listen(accepted.resolve)
  const dialer = await a.transport.connect(proxy.address)
  const take = (): number => {
    const taken = largest
    largest = 0
    return taken
  }
  return { dialer, acceptor: await accepted.promise, proxy, largest: take }
}

/** Sends in bulk and comes back when the other end has it all. */
async function bulk({ dialer, acceptor }: Path, bytes: number): Promise<void> {
  let received = 0
  const ended = Promise.withResolvers<void>()
  acceptor.onStream = (stream) => {
    stream.onData = (chunk) => {
      received += chunk.length
    }
    stream.onEnd = () => {
      stream.end()
      ended.resolve()
    }
  }
  const stream = dialer.openStream()
  stream.write(Buffer.alloc(bytes))
  stream.end()
  await ended.promise
  expect(received).toBe(bytes)
}

describe('a path that no longer carries large packets', () => {
  it('is used with small ones, and with larger ones as soon as they come through', async () => {
    const path = await open()
    await bulk(path, 500_000)
    expect(path.largest()).toBeGreaterThan(8_000)

    path.proxy.set({ blackholeAboveBytes: 1_400 })
    await bulk(path, 500_000)
    path.proxy.expectFired('blackhole', { direction: 'forward', min: 1 })
    path.largest()
    await vi.waitFor(
      async () => {
        await bulk(path, 20_000)
        const bytes = path.largest()
        expect(bytes).toBeGreaterThan(1_200)
        expect(bytes).toBeLessThan(1_400)
      },
      { timeout: 25_000, interval: 50 },
    )
    path.proxy.clear()
    await vi.waitFor(
      async () => {
        await bulk(path, 100_000)
        expect(path.largest()).toBeGreaterThan(8_000)
      },
      { timeout: 30_000, interval: 100 },
    )
    // The connection is the same all the time.
    await path.dialer.ping()
  }, 70_000)
})
