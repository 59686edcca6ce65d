import { randomBytes } from 'node:crypto'
import { datagramKind, type UdpPort } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import type { QuicOptions } from '../../src/options.ts'
import { nextStream } from '../connected-pair.ts'
import { type Pair, until } from '../harness.ts'
import { type Recording, recordPort } from '../recording-port.ts'
import { closers, first, pairOf, second } from '../trusted-nodes.ts'

/** Two nodes, and what somebody on the way has seen of them. */
async function overheard(
  options: QuicOptions,
): Promise<{ pair: Pair; wires: readonly [Recording, Recording] }> {
  const wires = [recordPort(), recordPort()] as const
  const pair = await pairOf(
    { credentials: first, options, wrap: wires[0].wrap },
    { credentials: second, options, wrap: wires[1].wrap },
  )
  await Promise.all([pair.dialer.ping(), pair.acceptor.ping()])
  return { pair, wires }
}

/** Datagrams with the id under which `to` is called, and nothing that decrypts. */
function forgeries(wire: Recording, count: number, bytes = 1_200): Buffer[] {
  const short = wire.sent.find((sent) => datagramKind(sent.bytes.readUInt8(0)) === 'short')
  if (short === undefined) throw new Error('no packet of the connection was seen')
  const header = Buffer.from(short.bytes.subarray(0, 21))
  return Array.from({ length: count }, () => Buffer.concat([header, randomBytes(bytes - 21)]))
}

/** From the peer's own port: who can do that sees its packets and forges its address. */
async function forge(from: UdpPort, to: UdpPort, datagrams: readonly Buffer[]): Promise<void> {
  const before = to.stats().receivedPackets
  for (const [index, bytes] of datagrams.entries()) {
    from.send(bytes, to.address)
    if (index % 64 === 63) {
      await until('they arrive', () => to.stats().receivedPackets > before + index - 63)
    }
  }
  await until('all arrive', () => to.stats().receivedPackets >= before + datagrams.length)
}

describe('packets that only look like those of a connection', () => {
  it('are not counted as received from the peer', async () => {
    const { pair, wires } = await overheard({ keepAliveMs: 5_000, idleTimeoutMs: 10_000 })
    const [a, b] = pair.nodes
    const before = pair.acceptor.stats().receivedBytes
    expect(before).toBeGreaterThan(0)
    await forge(a.udp, b.udp, forgeries(wires[0], 200))
    await pair.dialer.ping()
    const { receivedBytes } = pair.acceptor.stats()
    expect(receivedBytes).toBeGreaterThan(before)
    expect(receivedBytes).toBeLessThan(before + 10_000)
  })

  it('do not keep silence from being noticed: the connection is kept alive all the same', async () => {
    const { pair, wires } = await overheard({ keepAliveMs: 400, idleTimeoutMs: 1_000 })
    const [a, b] = pair.nodes
    let ended = 0
    for (const end of [pair.dialer, pair.acceptor]) {
      end.onClosed = () => {
        ended += 1
      }
    }
    const [toAcceptor, toDialer] = wires.map((wire) => forgeries(wire, 1)[0] as Buffer)
    const forging = setInterval(() => {
      a.udp.send(toAcceptor as Buffer, b.address)
      b.udp.send(toDialer as Buffer, a.address)
    }, 20)
    closers.push(() => clearInterval(forging))
    const untilMs = performance.now() + 3_000
    await until('thrice the idle timeout has passed', () => performance.now() > untilMs)
    expect(ended).toBe(0)
    await pair.dialer.ping()
  })

  it('do not count as bytes that nobody has read', async () => {
    const options = { unreadBytesMax: 1_048_576, streamWindowBytes: 65_536 }
    const { pair, wires } = await overheard(options)
    const [a, b] = pair.nodes
    // Something of each waits: as much as their windows might be there.
    let waiting = 0
    pair.acceptor.onStream = (stream) => {
      stream.pause()
      waiting += 1
    }
    const streams = Array.from({ length: 20 }, () => pair.dialer.openStream())
    for (const stream of streams) stream.write(Buffer.alloc(10))
    await until('all wait', () => waiting === streams.length)
    await forge(a.udp, b.udp, forgeries(wires[0], 1_500))
    const arrived = nextStream(pair)
    pair.dialer.openStream().write(Buffer.from('x'))
    await arrived
    // As many real ones end it.
    for (const stream of streams) stream.write(Buffer.alloc(65_000))
    expect((await pair.acceptor.closed).error?.message).toContain('unreadBytesMax')
  })
})
