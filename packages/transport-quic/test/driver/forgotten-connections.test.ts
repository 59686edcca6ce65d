import { randomBytes } from 'node:crypto'
import { datagramKind, type HostPort } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { writeForgotten } from '../../src/wire/sealed-word.ts'
import { newAttacker, sendAll } from '../attacker.ts'
import { type TestNode, until } from '../harness.ts'
import { dropping } from '../losing-port.ts'
import { type Recording, recordPort } from '../recording-port.ts'
import { type TestSeal, testSeal } from '../sealed.ts'
import { first, second, start } from '../trusted-nodes.ts'

/** Who is where, as membership would know. */
class Registry {
  readonly #bootIds = new Map<number, string>()

  readonly at = ({ port }: HostPort): string | undefined => this.#bootIds.get(port)

  set(node: TestNode, seal: TestSeal): void {
    this.#bootIds.set(node.address.port, seal.bootId)
  }

  forget(node: TestNode): void {
    this.#bootIds.delete(node.address.port)
  }
}

interface Member {
  readonly node: TestNode
  readonly seal: TestSeal
  readonly wire: Recording
}

async function member(registry: Registry, options = {}): Promise<Member> {
  const seal = testSeal({ processAt: registry.at })
  const wire = recordPort()
  const node = await start({ credentials: first, handshakes: seal, wrap: wire.wrap, options })
  registry.set(node, seal)
  return { node, seal, wire }
}

/** A packet of an established connection that nobody here knows. */
function shortPacket(length = 60): Buffer {
  const bytes = randomBytes(length)
  bytes[0] = 0x40 | (bytes.readUInt8(0) & 0x3f)
  return bytes
}

const counters = ({ node }: Member): Readonly<Record<string, number>> =>
  node.transport.snapshot().counters

describe('a connection that the peer does not know any more', () => {
  it('ends at once, as the process that has come in its place says so', async () => {
    const registry = new Registry()
    // Nothing but the notice can end it within the time of this test.
    const options = { idleTimeoutMs: 600_000, keepAliveMs: 100_000, closeTimeoutMs: 100 }
    const a = await member(registry, options)
    const before = testSeal({ processAt: registry.at })
    let isDead = false
    const wrap = dropping(() => isDead)
    const b = await start({ credentials: second, handshakes: before, options, wrap })
    registry.set(b, before)
    await b.transport.listen(() => {})
    const connection = await a.node.transport.connect(b.address)
    await connection.ping()
    isDead = true
    await b.close()

    const after = testSeal({ processAt: registry.at })
    const { port } = b.address
    const c = await start({ credentials: second, handshakes: after, options, port })
    await c.transport.listen(() => {})
    registry.set(c, after)
    connection.openStream().write(Buffer.from('are you there?'))
    const { error, remote } = await connection.closed
    expect(error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
    expect(error?.message).toContain('does not know this connection any more')
    expect(remote).toBe(false)
    expect(counters(a)).toMatchObject({ forgottenHeard: 1 })
    expect((await a.node.transport.connect(c.address)).peer.nodeId).toBe('second')
  })

  it('is not spoken of to strangers, nor to members that have left', async () => {
    const registry = new Registry()
    const [a, b] = [await member(registry), await member(registry)]
    const attacker = await newAttacker()
    await attacker.send(b.node, [shortPacket(), shortPacket(1_200)])
    registry.forget(a.node)
    await sendAll(a.node.udp, b.node, [shortPacket()])
    expect(counters(b)).toMatchObject({ droppedUnknown: 3, forgottenSent: 0 })
    expect(b.node.udp.stats().sentPackets).toBe(0)
    expect(attacker.received).toBe(0)
    registry.set(a.node, a.seal)
    await sendAll(a.node.udp, b.node, [shortPacket()])
    expect(counters(b)).toMatchObject({ forgottenSent: 1 })
  })

  it('is spoken of once a second, sealed, and only so many a second', async () => {
    const registry = new Registry()
    const a = await member(registry)
    const b = await member(registry, { noticesPerSecond: 5 })
    const packet = shortPacket()
    await sendAll(a.node.udp, b.node, [packet, packet, packet])
    expect(counters(b)).toMatchObject({ droppedUnknown: 3, forgottenSent: 1 })
    const many = Array.from({ length: 50 }, () => shortPacket())
    await sendAll(a.node.udp, b.node, many)
    const { forgottenSent = 0 } = counters(b)
    // Five at once; what a slow machine adds while this runs is a few more.
    expect(forgottenSent).toBeGreaterThanOrEqual(5)
    expect(forgottenSent).toBeLessThan(25)
    expect(b.wire.sent).toHaveLength(forgottenSent)
    for (const { bytes } of b.wire.sent) {
      expect(datagramKind(bytes.readUInt8(0))).toBe('handshake')
      expect(bytes.indexOf(packet.subarray(1, 21))).toBe(-1)
    }
    await until('they have come', () => a.wire.received.length === forgottenSent)
    expect(counters(a)).toMatchObject({ forgottenHeard: 0, droppedUnopened: 0 })
  })

  it('does not end for a notice of another connection, address or process, or in the clear', async () => {
    const registry = new Registry()
    const [a, b, c] = [await member(registry), await member(registry), await member(registry)]
    await b.node.transport.listen(() => {})
    const connection = await a.node.transport.connect(b.node.address)
    await connection.ping()
    const short = a.wire.sent.find(({ bytes }) => datagramKind(bytes.readUInt8(0)) === 'short')
    const id = short?.bytes.subarray(1, 21) as Buffer
    const word = writeForgotten(id)
    const stranger = testSeal({ processAt: registry.at })
    const other = writeForgotten(randomBytes(20))
    // What a process said once, it did not say again.
    const replayed = b.seal.seal.seal(other, a.seal.bootId)
    await sendAll(b.node.udp, a.node, [replayed, replayed])
    await sendAll(b.node.udp, a.node, [b.seal.seal.seal(word, c.seal.bootId), word])
    await sendAll(c.node.udp, a.node, [c.seal.seal.seal(word, a.seal.bootId)])
    const attacker = await newAttacker()
    await attacker.send(a.node, [stranger.seal.seal(word, a.seal.bootId)])
    expect(await connection.ping()).toBeGreaterThan(0)
    expect(counters(a)).toMatchObject({ forgottenHeard: 0, droppedUnopened: 2 })
    // The same word, by the one whom it concerns.
    await sendAll(b.node.udp, a.node, [b.seal.seal.seal(word, a.seal.bootId)])
    expect((await connection.closed).error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
  })

  it('is no reason to answer what is too short to name one, or a word that nobody knows', async () => {
    const registry = new Registry()
    const [a, b] = [await member(registry), await member(registry)]
    await sendAll(a.node.udp, b.node, [shortPacket(20), shortPacket(1)])
    const words = [Buffer.of(1), Buffer.of(2, ...randomBytes(20)), Buffer.alloc(0)]
    await sendAll(
      a.node.udp,
      b.node,
      words.map((word) => a.seal.seal.seal(word, b.seal.bootId)),
    )
    expect(counters(b)).toMatchObject({ droppedUnknown: 4, droppedUnopened: 1, forgottenSent: 0 })
  })
})
