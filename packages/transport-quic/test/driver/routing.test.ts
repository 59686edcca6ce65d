import type { UdpPort } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { collect, until } from '../harness.ts'
import { first, pairOf, second, start } from '../trusted-nodes.ts'

/** Sends each long-header datagram twice: as a network does that repeats packets. */
function doubling(udp: UdpPort): UdpPort {
  const send = udp.send.bind(udp)
  udp.send = (bytes, to) => {
    const isLong = ((bytes[0] as number) & 0x80) !== 0
    for (let copy = 0; copy < (isLong ? 2 : 1); copy += 1) send(bytes, to)
  }
  return udp
}

describe('packets find their connection', () => {
  it('also the repeated first one, by the id that the dialer had chosen for us', async () => {
    const acceptor = await start({ credentials: second })
    await acceptor.transport.listen((connection) => {
      connection.onStream = (stream) => {
        stream.onEnd = () => stream.end()
        stream.onData = (chunk) => stream.write(chunk)
      }
    })
    const dialer = await start({ credentials: first, wrap: doubling })
    const connection = await dialer.transport.connect(acceptor.address)
    const stream = connection.openStream()
    const echo = collect(stream)
    stream.write(Buffer.from('hello'))
    stream.end()
    expect((await echo).toString()).toBe('hello')
    expect(acceptor.transport.snapshot().counters.accepted).toBe(1)
    expect(acceptor.transport.snapshot().connections).toHaveLength(1)
  })

  it('by its id alone, among many to one address', async () => {
    const pair = await pairOf({ credentials: first }, { credentials: second })
    const [a, b] = pair.nodes
    const others = await Promise.all(
      Array.from({ length: 20 }, () => a.transport.connect(b.address)),
    )
    const rtts = await Promise.all([pair.dialer, ...others].map((connection) => connection.ping()))
    expect(rtts).toHaveLength(21)
    expect(b.transport.snapshot().counters.droppedUnknown).toBe(0)
  })

  it('of a connection that is over are not taken for another one', async () => {
    const { dialer, nodes } = await pairOf(
      { credentials: first, options: { closeTimeoutMs: 0 } },
      { credentials: second },
    )
    const [a, b] = nodes
    const late: Buffer[] = []
    const receive = b.udp.onQuic
    b.udp.onQuic = (bytes, from) => {
      late.push(Buffer.from(bytes))
      receive?.(bytes, from)
    }
    dialer.openStream().write(Buffer.from('x'))
    await until('a packet came', () => late.length > 0)
    await dialer.close()
    await until('it is forgotten', () => b.transport.snapshot().connections.length === 0)
    const { droppedUnknown = 0 } = b.transport.snapshot().counters
    const again = late.splice(0)
    await until('they are dropped', () => {
      // For a moment they are still taken for late ones of that connection.
      for (const bytes of again) a.udp.send(bytes, b.address)
      const { counters } = b.transport.snapshot()
      return (counters.droppedUnknown ?? 0) >= droppedUnknown + again.length
    })
    expect(b.transport.snapshot().counters.accepted).toBe(1)
  })
})
