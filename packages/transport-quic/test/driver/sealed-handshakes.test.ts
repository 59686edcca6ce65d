import { datagramKind } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { losing } from '../losing-port.ts'
import { type Recorded, recordPort } from '../recording-port.ts'
import { testSeal } from '../sealed.ts'
import { codeOf, first, pairOf, second, start } from '../trusted-nodes.ts'

/** How many of each kind there are. */
function kindsOf(recorded: readonly Recorded[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { bytes } of recorded) {
    const kind = datagramKind(bytes.readUInt8(0))
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

describe('a handshake', () => {
  it('shows no long header on the wire, in neither direction, and traffic after it no seal', async () => {
    const [a, b] = [recordPort(), recordPort()]
    const { dialer, acceptor } = await pairOf(
      { credentials: first, wrap: a.wrap },
      { credentials: second, wrap: b.wrap },
    )
    for (let round = 0; round < 20; round += 1) await dialer.ping()
    await acceptor.ping()
    for (const { sent } of [a, b]) {
      const { handshake = 0, short = 0, ...others } = kindsOf(sent)
      expect(others).toEqual({})
      expect(handshake).toBeGreaterThanOrEqual(1)
      expect(handshake).toBeLessThanOrEqual(4)
      expect(short).toBeGreaterThan(20)
    }
  })

  it('fits into the packets of the path, seal and all, and shows that it carries 1,200 bytes', async () => {
    const options = { packetBytes: 1_200 }
    const [a, b] = [recordPort(), recordPort()]
    const { dialer, acceptor } = await pairOf(
      { credentials: first, options, wrap: a.wrap },
      { credentials: second, options, wrap: b.wrap },
    )
    const stream = dialer.openStream()
    acceptor.onStream = (taken) => {
      taken.onData = () => taken.end()
    }
    stream.onData = () => {}
    stream.write(Buffer.alloc(50_000, 1))
    await new Promise<void>((resolve) => {
      stream.onEnd = resolve
    })
    const lengths = [...a.sent, ...b.sent].map(({ bytes }) => bytes.length)
    expect(Math.max(...lengths)).toBe(1_200)
    const [initial, answer] = [a.sent[0], b.sent[0]]
    expect(initial?.bytes).toHaveLength(1_200)
    expect(answer?.bytes).toHaveLength(1_200)
    // Full packets come back once the handshake is over: the seal costs nothing then.
    const shortLengths = a.sent
      .map(({ bytes }) => bytes)
      .filter((bytes) => datagramKind(bytes.readUInt8(0)) === 'short')
      .map((bytes) => bytes.length)
    expect(Math.max(...shortLengths)).toBe(1_200)
  })

  it.each(['auto', 9_000] as const)(
    'has no datagram above 1,200 bytes before the path was tried, with packetBytes %s',
    async (packetBytes) => {
      const options = { packetBytes }
      const [a, b] = [recordPort(), recordPort()]
      const { dialer } = await pairOf(
        { credentials: first, options, wrap: a.wrap },
        { credentials: second, options, wrap: b.wrap },
      )
      await dialer.ping()
      const handshake = [...a.sent, ...b.sent]
        .filter(({ bytes }) => datagramKind(bytes.readUInt8(0)) === 'handshake')
        .map(({ bytes }) => bytes.length)
      // An IPv6 path of 1,280 bytes has room for 1,232.
      expect(Math.max(...handshake)).toBe(1_200)
    },
  )

  it('comes up although a third of its datagrams is lost, as each is sealed anew', async () => {
    for (const seed of ['a', 'b']) {
      const options = { connectTimeoutMs: 60_000, idleTimeoutMs: 60_000 }
      const node = await start({ credentials: second, options, wrap: losing(0.33, `${seed} b`) })
      await node.transport.listen(() => {})
      const dialer = await start({ credentials: first, options, wrap: losing(0.33, `${seed} a`) })
      const connection = await dialer.transport.connect(node.address)
      expect(await connection.ping()).toBeGreaterThan(0)
      expect(node.transport.snapshot().counters).toMatchObject({
        accepted: 1,
        droppedUnopened: 0,
        droppedUnsealed: 0,
      })
    }
  }, 60_000)

  it('with an address where nobody is known is refused at once, and says so', async () => {
    const handshakes = testSeal({ processAt: () => undefined })
    const dialer = await start({ credentials: first, handshakes })
    const dial = dialer.transport.connect({ host: '127.0.0.1', port: 9 })
    expect(await codeOf(dial)).toBe('ERR_NODOSUM_PEER_UNKNOWN')
    await expect(dial).rejects.toThrow('no process of the cluster is known at 127.0.0.1:9')
    expect(dialer.udp.stats().sentPackets).toBe(0)
  })

  it('reaches the process that has come to the address meanwhile', async () => {
    const seal = testSeal()
    let there = testSeal().bootId
    const node = await start({ credentials: second, handshakes: seal })
    await node.transport.listen(() => {})
    const dialer = await start({
      credentials: first,
      handshakes: testSeal({ processAt: () => there }),
    })
    const dial = dialer.transport.connect(node.address)
    await expect
      .poll(() => node.transport.snapshot().counters.droppedUnopened, { timeout: 5_000 })
      .toBe(1)
    there = seal.bootId
    expect((await dial).peer.nodeId).toBe('second')
  })
})
