import { randomBytes } from 'node:crypto'
import { native } from '@matrixai/quic'
import { datagramKind } from '@nodosum/transport'
import { describe, expect, it, vi } from 'vitest'
import { type Attacker, newAttacker, sendAll } from '../attacker.ts'
import { countAccepts } from '../counted-engine.ts'
import type { TestNode } from '../harness.ts'
import { rawConfig } from '../raw-client.ts'
import { type Recorded, recordPort } from '../recording-port.ts'
import { freshKey, type TestSeal, testSeal } from '../sealed.ts'
import { codeOf, first, second, start } from '../trusted-nodes.ts'

/** Nobody is known to this node; it answers who comes sealed. */
function aloneSeal(): TestSeal {
  return testSeal({ processAt: () => undefined })
}

/** A node that listens, and whose engine is watched. */
async function listening(
  seal: TestSeal = aloneSeal(),
): Promise<{ node: TestNode; incoming: Recorded[]; accepts: () => number }> {
  const accepts = countAccepts()
  const { wrap, received } = recordPort()
  const node = await start({ credentials: second, handshakes: seal, wrap })
  await node.transport.listen(() => {})
  return { node, incoming: received, accepts }
}

/** The first packet of a real dialer with a good certificate, in the clear. */
async function clearInitial(node: TestNode): Promise<Buffer> {
  const config = await rawConfig({ ...first, protocol: 'nodosum/1', handshakes: null })
  const local = { host: '127.0.0.1', port: 9 }
  const dialer = native.quiche.Connection.connect(
    null,
    randomBytes(20),
    local,
    node.address,
    config,
  )
  const buffer = Buffer.alloc(1_500)
  const [length] = dialer.send(buffer) ?? [0]
  expect(length).toBe(1_200)
  return buffer.subarray(0, length)
}

/** That same packet as a holder of the key would send it. */
function sealedFor(node: TestNode, initial: Uint8Array, seal: TestSeal): Buffer {
  const recipient = seal.processAt(node.address) as string
  return Buffer.from(seal.seal.seal(initial, recipient))
}

async function expectSilence(
  { node, accepts }: Awaited<ReturnType<typeof listening>>,
  send: (attacker: Attacker) => Promise<void>,
): Promise<Readonly<Record<string, number>>> {
  const attacker = await newAttacker()
  const before = { accepts: accepts(), sent: node.udp.stats().sentPackets }
  const { accepted } = node.transport.snapshot().counters
  await send(attacker)
  expect(accepts(), 'connections of the engine').toBe(before.accepts)
  expect(node.transport.snapshot().counters.accepted).toBe(accepted)
  expect(node.transport.snapshot().connections).toEqual([])
  expect(node.udp.stats().sentPackets, 'sent').toBe(before.sent)
  expect(attacker.received).toBe(0)
  return node.transport.snapshot().counters
}

describe('to a stranger the port', () => {
  it('is silent, whatever comes: noise of every first byte and length', async () => {
    const world = await listening()
    const noise = Array.from({ length: 512 }, (_, index) => {
      const bytes = randomBytes(1 + ((index * 37) % 1_400))
      bytes[0] = index % 256
      return bytes
    })
    const counters = await expectSilence(world, (attacker) => attacker.send(world.node, noise))
    // Of each kind that is QUIC's: 16 first bytes are sealed, 64 short, 64 long.
    expect(counters).toMatchObject({
      packets: 288,
      droppedUnopened: 32,
      droppedUnknown: 128,
      droppedUnsealed: 128,
    })
  })

  it('is silent to a real handshake without the seal', async () => {
    const world = await listening()
    const initial = await clearInitial(world.node)
    const counters = await expectSilence(world, (attacker) => attacker.send(world.node, [initial]))
    expect(counters).toMatchObject({ droppedUnsealed: 1, droppedUnopened: 0 })
  })

  it('is silent to a sealed handshake that was cut, changed, or sealed with another key', async () => {
    const world = await listening()
    const initial = await clearInitial(world.node)
    const whole = sealedFor(world.node, initial, testSeal())
    const cut = [1, 2, 28, 48, 49, 50, 1_200, whole.length - 1].map((length) =>
      whole.subarray(0, length),
    )
    const changed = Array.from({ length: 60 }, (_, index) => {
      const bytes = Buffer.from(whole)
      const at = index < 50 ? index : Math.floor((whole.length * (index - 50)) / 10)
      bytes[at] = bytes.readUInt8(at) ^ (1 << (index % 4))
      return bytes
    })
    const foreign = sealedFor(world.node, initial, testSeal({ keys: [freshKey()] }))
    const longer = Buffer.concat([whole, Buffer.alloc(1)])
    const all = [...cut, ...changed, foreign, longer]
    const counters = await expectSilence(world, (attacker) => attacker.send(world.node, all))
    expect(counters.droppedUnopened).toBe(all.length)
    // And unharmed it does open a connection: the silence above is not for another reason.
    await (await newAttacker()).send(world.node, [whole])
    expect(world.accepts()).toBe(1)
  })

  it('is silent to a handshake sealed for another process, or for its predecessor', async () => {
    const seal = aloneSeal()
    const world = await listening(seal)
    const initial = await clearInitial(world.node)
    const predecessor = testSeal()
    const misdirected = testSeal({ processAt: () => predecessor.bootId })
    const direct = testSeal({ processAt: () => seal.bootId })
    const counters = await expectSilence(world, (attacker) =>
      attacker.send(world.node, [sealedFor(world.node, initial, misdirected)]),
    )
    expect(counters.droppedUnopened).toBe(1)
    await (await newAttacker()).send(world.node, [sealedFor(world.node, initial, direct)])
    expect(world.accepts()).toBe(1)
  })
})

describe('a recorded handshake', () => {
  it('that comes again opens nothing, from a stranger or from the member itself', async () => {
    const world = await listening()
    const dialer = await start({ credentials: first })
    const connection = await dialer.transport.connect(world.node.address)
    await connection.ping()
    await connection.close()
    await vi.waitUntil(() => world.node.transport.snapshot().connections.length === 0)
    const recorded = world.incoming.map(({ bytes }) => bytes)
    const kinds = recorded.map((bytes) => datagramKind(bytes.readUInt8(0)))
    expect(kinds.filter((kind) => kind === 'handshake').length).toBeGreaterThanOrEqual(2)
    expect(kinds).toContain('short')
    const handshakes = recorded.filter((bytes) => datagramKind(bytes.readUInt8(0)) === 'handshake')
    const before = world.node.transport.snapshot().counters.droppedUnopened ?? 0
    // The member's port is used, which no stranger can do without spoofing.
    await expectSilence(world, async (attacker) => {
      await attacker.send(world.node, handshakes)
      await sendAll(dialer.udp, world.node, handshakes)
    })
    expect(world.node.transport.snapshot().counters.droppedUnopened).toBe(
      before + 2 * handshakes.length,
    )
  })

  it('disturbs no connection that is open, with all that followed it', async () => {
    const world = await listening()
    const dialer = await start({ credentials: first })
    const connection = await dialer.transport.connect(world.node.address)
    await connection.ping()
    const recorded = world.incoming.map(({ bytes }) => bytes)
    const attacker = await newAttacker()
    await attacker.send(world.node, recorded)
    await sendAll(dialer.udp, world.node, recorded)
    expect(world.accepts()).toBe(1)
    expect(attacker.received).toBe(0)
    expect(await connection.ping()).toBeGreaterThan(0)
    expect(world.node.transport.snapshot().connections).toHaveLength(1)
  })
})

describe('key rotation', () => {
  it('opens what is sealed with an old key as long as it is installed, and no longer', async () => {
    const [old, fresh] = [freshKey(), freshKey()]
    const [mine, theirs] = [testSeal({ keys: [old] }), testSeal({ keys: [old] })]
    const options = { connectTimeoutMs: 400 }
    const { wrap, sent } = recordPort()
    const node = await start({ credentials: second, handshakes: mine, wrap })
    await node.transport.listen(() => {})
    const dialer = await start({ credentials: first, handshakes: theirs, options })
    const answers = (): number =>
      sent.filter(({ bytes }) => datagramKind(bytes.readUInt8(0)) === 'handshake').length
    const dial = (): Promise<string> => codeOf(dialer.transport.connect(node.address))
    expect(await dial()).toBe('resolved')
    mine.ring.install(fresh)
    mine.ring.use(fresh.id)
    // The acceptor answers with a key that the dialer has not yet.
    expect(await dial()).toBe('ERR_NODOSUM_CONNECT_TIMEOUT')
    theirs.ring.install(fresh)
    expect(await dial()).toBe('resolved')
    theirs.ring.use(fresh.id)
    expect(await dial()).toBe('resolved')
    theirs.ring.use(old.id)
    mine.ring.remove(old.id)
    const before = answers()
    expect(before).toBeGreaterThan(0)
    expect(await dial()).toBe('ERR_NODOSUM_CONNECT_TIMEOUT')
    expect(answers()).toBe(before)
  })
})
