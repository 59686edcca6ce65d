import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { newBootId, parseClusterName, parseNodeId } from '@nodosum/kernel'
import { systemRandom } from '@nodosum/kernel/node'
import { createMembershipCore, membershipOptions } from '@nodosum/membership'
import { createPacketSeal, GossipKeyRing, type PacketSeal, parseGossipKey } from '@nodosum/security'
import { describe, expect, it, onTestFinished } from 'vitest'
import { generateGossipKey } from '../src/index.ts'
import { certificateFor, cluster, scratch, startNode, until } from './start-nodes.ts'

type Refused = Record<string, number>

/** A running node, and somebody at a plain UDP socket who holds its gossip key. */
interface Scene {
  /** What a node called ghost says to join: sealed by a member, it makes ghost one. */
  readonly joining: Uint8Array
  /** Seals as a process that nobody has heard of. */
  sealOf(options?: { key?: string; cluster?: string }): PacketSeal
  /** Replaces the gossip key of the node; resolves to the old one. */
  rotate(): Promise<string>
  /** Whether the node takes ghost for a member. */
  isMember(): boolean
  /** What these packets do: refusals by reason, and whatever else has changed. */
  effectOf(...packets: readonly Uint8Array[]): Promise<{ refused: Refused; changes: string[] }>
  /** Sends a packet and resolves to the next one that comes back. */
  answerTo(packet: Uint8Array): Promise<Buffer>
}

/** Loopback of this test alone: nodes of other runs knock at ports that were theirs. */
const host = '127.83.19.7'

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, host)
  await once(socket, 'listening')
  onTestFinished(() => void socket.close())
  return socket
}

function newProcess(): ReturnType<typeof newBootId> {
  return newBootId(systemRandom())
}

/** What the ghost says first; what it is sent later goes where nobody reads. */
function joiningOf(port: number): Uint8Array {
  const core = createMembershipCore({
    cluster,
    nodeId: parseNodeId('ghost'),
    bootId: newProcess(),
    addresses: [{ host, udpPort: port, tcpPort: 0 }],
    tags: {},
    formation: { expect: null, alone: false },
    options: membershipOptions.parse({}),
    random: systemRandom(),
    nowMs: 0,
  })
  core.join(0, [{ host, port }])
  for (let effect = core.poll(); effect !== undefined; effect = core.poll()) {
    if (effect.kind === 'send') return effect.bytes
  }
  throw new Error('it said nothing')
}

async function scene(): Promise<Scene> {
  let key = generateGossipKey()
  const node = await startNode({
    listen: { host, port: 0 },
    identity: await certificateFor('a', scratch()),
    gossipKeys: [key],
    join: { alone: true },
    transport: 'quic',
    // It asks nobody during the test: nothing happens but what the test does.
    layers: { membership: { probePeriodMs: 60_000, watchPeriodMs: 120_000 } },
  })
  const [socket, nowhere] = [await bound(), await bound()]
  const { port } = node.address
  const answers: Buffer[] = []
  socket.on('message', (bytes) => answers.push(bytes))
  const send = (packet: Uint8Array): void => socket.send(packet, port, host)
  const sealOf: Scene['sealOf'] = (given = {}) =>
    createPacketSeal({
      purpose: 'gossip',
      ring: new GossipKeyRing([parseGossipKey(given.key ?? key, 'key')]),
      cluster: parseClusterName(given.cluster ?? cluster),
      name: 'ghost',
      bootId: newProcess(),
    })
  const rotate = async (): Promise<string> => {
    const old = key
    key = generateGossipKey()
    const [before] = node.gossipKeys.list()
    const { keyId } = await node.gossipKeys.install(key)
    await node.gossipKeys.use(keyId)
    await node.gossipKeys.remove(before?.id ?? '')
    return old
  }
  const facts = (): { refused: Refused; members: string; answers: number } => ({
    refused: { ...node.metrics().gossip.refused },
    members: JSON.stringify(node.members()),
    answers: answers.length,
  })
  return {
    joining: joiningOf(nowhere.address().port),
    sealOf,
    rotate,
    isMember: () => node.members().some(({ nodeId }) => nodeId === 'ghost'),
    effectOf: async (...packets) => {
      const before = facts()
      const { opened } = node.metrics().gossip
      for (const packet of packets) send(packet)
      // Datagrams of one socket arrive in their order: this one opens and says nothing, and once it
      // has been opened all others were seen.
      send(sealOf().seal(new Uint8Array([0])))
      await until(() => node.metrics().gossip.opened > opened)
      const after = facts()
      const rises = Object.entries(after.refused)
        .map(([reason, count]) => [reason, count - (before.refused[reason] ?? 0)] as const)
        .filter(([, rise]) => rise !== 0)
      const changes: string[] = []
      if (node.metrics().gossip.opened !== opened + 1) changes.push('it was opened')
      if (after.members !== before.members) changes.push(`${before.members} -> ${after.members}`)
      if (after.answers !== before.answers) changes.push('it was answered')
      return { refused: Object.fromEntries(rises), changes }
    },
    answerTo: async (packet) => {
      const { length } = answers
      send(packet)
      await until(() => answers.length > length)
      return answers[length] as Buffer
    },
  }
}

/** Why a change of this byte of a packet shows. */
function reasonAt(offset: number): string {
  if (offset === 0) return 'unknownVersion'
  if (offset < 5) return 'unknownKey'
  return offset >= 29 && offset < 33 ? 'misdirected' : 'forged'
}

describe('a packet that a running node refuses changes nothing, is answered by nobody, and is counted once', () => {
  it('of another cluster with the same key', async () => {
    const { sealOf, joining, effectOf } = await scene()
    const packet = sealOf({ cluster: 'other' }).seal(joining)
    expect(await effectOf(packet)).toEqual({ refused: { forged: 1 }, changes: [] })
  })

  it('of another cluster with its own key', async () => {
    const { sealOf, joining, effectOf } = await scene()
    const packet = sealOf({ cluster: 'other', key: generateGossipKey() }).seal(joining)
    expect(await effectOf(packet)).toEqual({ refused: { unknownKey: 1 }, changes: [] })
  })

  it('sealed with a key that the cluster has removed', async () => {
    const { sealOf, joining, effectOf, rotate, isMember, answerTo } = await scene()
    const old = await rotate()
    const packet = sealOf({ key: old }).seal(joining)
    expect(await effectOf(packet)).toEqual({ refused: { unknownKey: 1 }, changes: [] })
    // The same words under the present key are heard.
    await answerTo(sealOf().seal(joining))
    expect(isMember()).toBe(true)
  })

  it('that came before', async () => {
    const { sealOf, joining, effectOf, answerTo, isMember } = await scene()
    const packet = sealOf().seal(joining)
    await answerTo(packet)
    expect(isMember()).toBe(true)
    expect(await effectOf(packet)).toEqual({ refused: { replayed: 1 }, changes: [] })
    const thrice = [packet, packet, packet]
    expect(await effectOf(...thrice)).toEqual({ refused: { replayed: 3 }, changes: [] })
  })

  it('cut to any length', async () => {
    const { sealOf, joining, effectOf, isMember, answerTo } = await scene()
    const packet = sealOf().seal(joining)
    // The seal alone takes 49 bytes; a datagram without any is not gossip at all.
    const cuts = Array.from({ length: packet.length - 1 }, (_, at) => packet.subarray(0, at + 1))
    expect(await effectOf(...cuts)).toEqual({
      refused: { tooShort: 48, forged: packet.length - 49 },
      changes: [],
    })
    await answerTo(packet)
    expect(isMember()).toBe(true)
  })

  it('with one bit flipped, whichever', async () => {
    const { sealOf, joining, effectOf, isMember, answerTo } = await scene()
    const packet = sealOf().seal(joining)
    const expected: Refused = {}
    const flipped = Array.from(packet, (byte, at) => {
      const reason = reasonAt(at)
      expected[reason] = (expected[reason] ?? 0) + 1
      const changed = packet.slice()
      changed[at] = byte ^ (1 << (at % 8))
      return changed
    })
    expect(await effectOf(...flipped)).toEqual({ refused: expected, changes: [] })
    await answerTo(packet)
    expect(isMember()).toBe(true)
  })

  it('that is its own and comes back', async () => {
    const { sealOf, joining, effectOf, answerTo } = await scene()
    const own = await answerTo(sealOf().seal(joining))
    expect(await effectOf(own)).toEqual({ refused: { reflected: 1 }, changes: [] })
  })

  it('that is for another node', async () => {
    const { sealOf, joining, effectOf, isMember, answerTo } = await scene()
    const packet = sealOf().seal(joining, 'b')
    expect(await effectOf(packet)).toEqual({ refused: { misdirected: 1 }, changes: [] })
    await answerTo(sealOf().seal(joining, 'a'))
    expect(isMember()).toBe(true)
  })
})
