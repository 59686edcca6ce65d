import { describe, expect, it } from 'vitest'
import { until } from '../harness.ts'
import { rawDial } from '../raw-client.ts'
import { testSeal } from '../sealed.ts'
import { closers, first, pairOf, second, start } from '../trusted-nodes.ts'

describe('packets find their connection', () => {
  it('also the repeated first one, by the id that the dialer had chosen for us', async () => {
    const acceptor = await start({ credentials: second })
    await acceptor.transport.listen(() => {})
    const sent: Buffer[] = []
    const raw = await rawDial(acceptor.address, {
      ...first,
      protocol: 'nodosum/1',
      handshakes: testSeal(),
      mayLeave: (bytes) => sent.push(Buffer.from(bytes)) > 0,
    })
    closers.push(() => raw.close())
    // As a dialer does that has no answer yet: sealed anew, since nothing opens twice.
    raw.send(sent[0] as Buffer)
    await until('it is connected', () => acceptor.transport.snapshot().counters.established === 1)
    await until('both have come', () => acceptor.udp.stats().receivedPackets >= 3)
    expect(acceptor.transport.snapshot().counters).toMatchObject({
      accepted: 1,
      droppedUnopened: 0,
    })
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
