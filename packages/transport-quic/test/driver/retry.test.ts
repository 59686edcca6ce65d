import { randomBytes } from 'node:crypto'
import { native } from '@matrixai/quic'
import { simulatedScheduler } from '@nodosum/testkit'
import { describe, expect, it } from 'vitest'
import { retryTokenLifetimeMs } from '../../src/adapters/retry-tokens.ts'
import { readInitialFields, readLongHeader } from '../../src/wire/long-header.ts'
import { newAttacker, sendAll } from '../attacker.ts'
import { countAccepts } from '../counted-engine.ts'
import { startNode, type TestNode, until } from '../harness.ts'
import { rawConfig, rawDial } from '../raw-client.ts'
import { type Recording, recordPort } from '../recording-port.ts'
import { certificates, first, second, start } from '../trusted-nodes.ts'

interface Listening {
  readonly node: TestNode
  readonly wire: Recording
  readonly accepts: () => number
}

/** A node without gossip keys. */
async function listening(): Promise<Listening> {
  const accepts = countAccepts()
  const wire = recordPort()
  const node = await start({ credentials: second, handshakes: null, wrap: wire.wrap })
  await node.transport.listen(() => {})
  return { node, wire, accepts }
}

/** The first packet of a dialer; its id of the acceptor is random. */
async function initialTo(node: TestNode): Promise<Buffer> {
  const config = await rawConfig({ ...first, protocol: 'nodosum/1', handshakes: null })
  const local = { host: '127.0.0.1', port: 9 }
  const id = randomBytes(20)
  const dialer = native.quiche.Connection.connect(null, id, local, node.address, config)
  const buffer = Buffer.alloc(1_500)
  const [length] = dialer.send(buffer) ?? [0]
  return buffer.subarray(0, length)
}

function tokenOf(initial: Buffer): Buffer {
  const header = readLongHeader(initial)
  const fields = header && readInitialFields(initial, header)
  return Buffer.from(fields?.token ?? [])
}

/** The packet with which a dialer came back, after a whole dial. */
async function returned({ node, wire }: Listening): Promise<{ packet: Buffer; dialer: TestNode }> {
  const dialer = await start({ credentials: first, handshakes: null })
  const connection = await dialer.transport.connect(node.address)
  await connection.ping()
  await connection.close()
  await until('it is over', () => node.transport.snapshot().connections.length === 0)
  const packet = wire.received.find(({ bytes }) => tokenOf(bytes).length > 0)?.bytes as Buffer
  return { packet, dialer }
}

describe('without a seal', () => {
  it('a dialer is asked to come back, and gets its connection then', async () => {
    const world = await listening()
    const dialer = await start({ credentials: first, handshakes: null })
    const connection = await dialer.transport.connect(world.node.address)
    expect(connection.peer.nodeId).toBe('second')
    expect(await connection.ping()).toBeGreaterThan(0)
    expect(world.node.transport.snapshot().counters).toMatchObject({ retries: 1, accepted: 1 })
    // Long header, fixed bit, type Retry.
    expect((world.wire.sent[0]?.bytes.readUInt8(0) ?? 0) & 0xf0).toBe(0xf0)
  })

  it('one who only asks leaves nothing behind and gets less than it sent', async () => {
    const world = await listening()
    const attacker = await newAttacker()
    const initials = await Promise.all(Array.from({ length: 200 }, () => initialTo(world.node)))
    await attacker.send(world.node, initials)
    expect(world.accepts()).toBe(0)
    expect(world.node.transport.snapshot()).toMatchObject({
      connections: [],
      counters: { retries: 200, accepted: 0 },
    })
    expect(attacker.received).toBe(200)
    for (const { bytes } of world.wire.sent) expect(bytes.length).toBeLessThan(300)
  })

  it('a token opens one connection: what comes again opens none, from anywhere', async () => {
    const world = await listening()
    const { packet, dialer } = await returned(world)
    const { accepts, node } = world
    expect(accepts()).toBe(1)
    const sent = node.udp.stats().sentPackets
    const dropped = (): number => node.transport.snapshot().counters.droppedToken ?? 0
    // For a moment it is still taken for a late packet of the connection that it opened.
    while (dropped() === 0) await sendAll(dialer.udp, node, [packet])
    const before = dropped()
    const attacker = await newAttacker()
    await attacker.send(node, [packet])
    await sendAll(dialer.udp, node, [packet])
    expect(dropped()).toBe(before + 2)
    expect(accepts()).toBe(1)
    expect(node.udp.stats().sentPackets).toBe(sent)
    expect(node.transport.snapshot().counters.accepted).toBe(1)
  })

  it('a token of another address, changed, or made up opens nothing, and nobody is told', async () => {
    const world = await listening()
    const { node, accepts } = world
    // Its first packet goes to somebody who only listens, so that the token stays unused.
    const attacker = await newAttacker()
    const mute = await rawDial(node.address, {
      caPem: certificates.caPem,
      protocol: 'nodosum/1',
      handshakes: null,
      mayLeave: (bytes) => tokenOf(bytes).length === 0,
    })
    await until('it has a token', () => mute.withheld.length === 1)
    const packet = mute.withheld[0] as Buffer
    const at = packet.indexOf(tokenOf(packet))
    const changed = Buffer.from(packet)
    changed[at + 20] = changed.readUInt8(at + 20) ^ 1
    const madeUp = Buffer.from(packet)
    randomBytes(tokenOf(packet).length).copy(madeUp, at)
    const sent = node.udp.stats().sentPackets
    await attacker.send(node, [packet, changed, madeUp])
    expect(node.transport.snapshot().counters).toMatchObject({ droppedToken: 3, accepted: 0 })
    expect(node.udp.stats().sentPackets).toBe(sent)
    expect(attacker.received).toBe(0)
    mute.send(changed)
    await until('it was seen', () => node.transport.snapshot().counters.droppedToken === 4)
    // As it is, and from where it belongs, it opens one.
    mute.send(packet)
    await until('it is accepted', () => accepts() === 1)
    await mute.close()
  })

  it('a token is too old after ten seconds', async () => {
    const scheduler = simulatedScheduler({ turns: 'real' })
    const node = await startNode({ credentials: second, handshakes: null, scheduler })
    await node.transport.listen(() => {})
    const mute = await rawDial(node.address, {
      caPem: certificates.caPem,
      protocol: 'nodosum/1',
      handshakes: null,
      mayLeave: (bytes) => tokenOf(bytes).length === 0,
    })
    await until('it has a token', () => mute.withheld.length === 1)
    scheduler.runFor(retryTokenLifetimeMs)
    mute.send(mute.withheld[0] as Buffer)
    await until('it was seen', () => node.transport.snapshot().counters.droppedToken === 1)
    expect(node.transport.snapshot().counters.accepted).toBe(0)
    await mute.close()
    await node.close()
  })
})
