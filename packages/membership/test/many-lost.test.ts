import { describe, expect, it } from 'vitest'
import { hashText } from '../src/core/hash.ts'
import { ScriptedPeers, stateOf } from './scripted-peers.ts'

const others = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const gossip = { kind: 'gossip' } as const

/** Connections prove that they live; without them they would be accused, for pings are lost. */
function talk(peers: ScriptedPeers, ids: readonly string[]): void {
  for (const id of ids) peers.core.linkActivity(peers.nowMs, id)
}

interface World {
  readonly what: string
  /** Whether answers come at all. */
  readonly isLossy: boolean
  /** How many packets one answer takes by then. */
  readonly tries: number
}

const worlds: readonly World[] = [
  { what: 'that has good links', isLossy: false, tries: 1 },
  { what: 'that loses nearly all', isLossy: true, tries: 4 },
]

/** A node of good health that has pinged for two minutes; none of its news waits. */
function node({ isLossy }: World): {
  peers: ScriptedPeers
  step(ms: number, talking?: readonly string[]): void
} {
  const peers = new ScriptedPeers()
  peers.join(...others)
  const step = (ms: number, talking: readonly string[] = others): void => {
    for (let leftMs = ms; leftMs > 0; leftMs -= 100) {
      talk(peers, talking)
      peers.run(Math.min(100, leftMs), { answering: isLossy ? [] : others, nacking: true })
    }
  }
  step(120_000)
  // Somebody has the same view, so nothing is missing.
  peers.say('a', { kind: 'ping', probe: 1, target: 'self', root: peers.core.digest })
  expect(peers.core.localHealth).toBe(0)
  expect(others.map((id) => peers.stateOf(id))).toEqual(others.map(() => 'alive'))
  peers.clear()
  return { peers, step }
}

describe.each(worlds)('a node $what', (world) => {
  const { tries } = world

  it(`tells its news ${tries} times as often`, () => {
    const { peers, step } = node(world)
    peers.core.emit(peers.nowMs, 'deploy', Uint8Array.of(1))
    step(10_000)
    const told = peers.sent.flatMap(({ packet }) => packet.statements)
    // 4 * log10(9), rounded up.
    expect(told.filter(({ kind }) => kind === 'event')).toHaveLength(4 * tries)
  })

  it.each([
    { confirmations: 1, lastsMs: 12_250 * tries },
    { confirmations: 2, lastsMs: 7_131 * tries },
    // Three confirmations weigh more.
    { confirmations: 3, lastsMs: 3_500 * Math.min(tries, 2) },
  ])(`gives suspects more time ($confirmations, $lastsMs ms)`, ({ confirmations, lastsMs }) => {
    const { peers, step } = node(world)
    // This node is one of them, so that what it finds out itself makes no difference.
    const accusers = ['self', 'a', 'b', 'c'].slice(0, confirmations + 1).map((id) => hashText(id))
    peers.say('a', gossip, stateOf('g', 'suspect', { accusers }))
    step(lastsMs - 300, others.slice(0, 6))
    expect(peers.stateOf('g')).toBe('suspect')
    step(600, others.slice(0, 6))
    expect(peers.stateOf('g')).toBe('failed')
  })

  it(`asks ${3 * tries} others about a suspicion that lingers, if there are so many`, () => {
    const { peers, step } = node(world)
    peers.say('a', gossip, stateOf('g', 'suspect', { accusers: [hashText('self')] }))
    const asked = (): string[] =>
      peers.sent.flatMap(({ to, packet }) =>
        packet.statements.some(({ kind, nodeId }) => kind === 'need' && nodeId === 'g') ? [to] : [],
      )
    step(5_000, others.slice(0, 6))
    expect(asked()).toEqual([])
    step(1_000, others.slice(0, 6))
    expect(new Set(asked()).size).toBe(Math.min(7, 3 * tries))
  })

  it(`compares views that keep changing ${tries} times as often`, () => {
    const { peers, step } = node(world)
    const digests = (): number => peers.sentTo('a', 'digest').length
    for (let count = 1; count <= 200; count += 1) {
      peers.say('b', gossip, stateOf('c', 'alive', { counter: count }))
      peers.say('a', { kind: 'ping', probe: count, target: 'self', root: 1 })
      step(200)
    }
    // 40 s, each syncPeriodMs of 10 s.
    expect(digests()).toBeGreaterThanOrEqual(4 * tries - 1)
    expect(digests()).toBeLessThanOrEqual(4 * tries + 1)
  })
})

describe('pings to members that are suspected', () => {
  it('say nothing of the network when they are not answered', () => {
    const peers = new ScriptedPeers({ watchers: 1 })
    peers.join(...others)
    // This node has accused them, too: nothing that it finds makes a difference.
    const accusers = [hashText('self'), hashText('a')]
    for (const id of ['b', 'c', 'd', 'e', 'f', 'g']) {
      peers.say('a', gossip, stateOf(id, 'suspect', { accusers }))
    }
    peers.run(10_000, { answering: ['a'], nacking: true })
    expect(peers.sent.filter(({ packet }) => packet.body.kind === 'ping').length).toBeGreaterThan(
      40,
    )
    peers.clear()
    peers.core.emit(peers.nowMs, 'deploy', Uint8Array.of(1))
    peers.run(2_000, { answering: ['a'], nacking: true })
    const told = peers.sent.flatMap(({ packet }) => packet.statements)
    expect(told.filter(({ kind }) => kind === 'event')).toHaveLength(4)
  })
})

describe('answers that come too late', () => {
  it('say that packets get through all the same', () => {
    const peers = new ScriptedPeers({ watchers: 1 })
    peers.join(...others)
    const waiting: { dueMs: number; from: string; probe: number }[] = []
    for (let passedMs = 0; passedMs < 120_000; passedMs += 100) {
      talk(peers, others)
      peers.clear()
      peers.run(100, { nacking: true })
      for (const { to, packet } of peers.sent) {
        if (packet.body.kind !== 'ping') continue
        waiting.push({ dueMs: peers.nowMs + 1_500, from: to, probe: packet.body.probe })
      }
      while ((waiting[0]?.dueMs ?? Number.POSITIVE_INFINITY) <= peers.nowMs) {
        const { from, probe } = waiting.shift() as { from: string; probe: number }
        const { digest: root } = peers.core
        peers.say(from, { kind: 'ack', probe, root, coordinate: null })
      }
    }
    expect(peers.core.counters.probesFailed).toBeGreaterThan(50)
    peers.clear()
    peers.core.emit(peers.nowMs, 'deploy', Uint8Array.of(1))
    peers.run(3_000, { answering: others })
    const told = peers.sent.flatMap(({ packet }) => packet.statements)
    expect(told.filter(({ kind }) => kind === 'event')).toHaveLength(4)
  })
})
