import { describe, expect, it } from 'vitest'
import { hashText } from '../src/core/hash.ts'
import type { StateStatement } from '../src/wire/statement.ts'
import { recordOf, ScriptedPeers, type Sent, stateOf } from './scripted-peers.ts'

const others = ['a', 'b', 'c', 'd', 'e', 'f']
const gossip = { kind: 'gossip' } as const
/** Nobody is probed unless something asks for it. */
const silent = { probePeriodMs: 60_000, watchPeriodMs: 120_000 }

/** The ring as every node with this view sees it, from this node on. */
function ring(): string[] {
  const all = ['self', ...others].sort((a, b) => hashText(a) - hashText(b))
  const at = all.indexOf('self')
  return [...all.slice(at + 1), ...all.slice(0, at)]
}

/** Those who come before a member, nearest first. */
function before(id: string, count: number): string[] {
  const all = ['self', ...ring()]
  const at = all.indexOf(id)
  return Array.from({ length: count }, (_, index) => all.at(at - 1 - index) as string)
}

const next = ring()[0] as string

/** What is said of a member, but for what goes with a ping to it. */
function saidOf(id: string, sent: readonly Sent[]): StateStatement[] {
  return sent.flatMap(({ to, packet: { body, statements } }) =>
    to === id && body.kind === 'ping'
      ? []
      : statements.filter(
          (one): one is StateStatement => one.kind === 'state' && one.nodeId === id,
        ),
  )
}

describe('the next member on the ring', () => {
  it.each([0, 7])('is probed every 2 s, also by a node with health %i', (health) => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    for (let second = 0; second < 20; second += 1) {
      while (peers.core.localHealth < health) peers.core.loopDelayed(900)
      peers.run(1_000, { answering: others })
    }
    const times = (id: string): number => peers.sentTo(id, 'ping').length
    expect(times(next)).toBeGreaterThanOrEqual(9)
    // The others have their turns, which poor health stretches.
    const rest = others.filter((id) => id !== next).reduce((sum, id) => sum + times(id), 0)
    if (health === 0) expect(rest).toBeGreaterThanOrEqual(12)
    else expect(rest).toBeLessThanOrEqual(5)
  })
})

describe('a suspicion that is heard of', () => {
  it.each(others)('is looked at at once by those before %s on the ring, and by no others', (id) => {
    for (const watchers of [1, 3]) {
      const peers = new ScriptedPeers({ ...silent, watchers })
      peers.join(...others)
      const teller = others.find((other) => other !== id) as string
      peers.say(teller, gossip, stateOf(id, 'suspect', { accusers: [hashText(teller)] }))
      const isWatcher = before(id, watchers).includes('self')
      expect(peers.sentTo(id, 'ping')).toHaveLength(isWatcher ? 1 : 0)
    }
  })

  it('is not looked at again by who has accused already', () => {
    const peers = new ScriptedPeers({ ...silent, watchers: 1 })
    peers.join(...others)
    const accusers = [hashText('self'), hashText('a')]
    peers.say('a', gossip, stateOf(next, 'suspect', { accusers }))
    expect(peers.sentTo(next, 'ping')).toEqual([])
  })

  it('gains the accusation of a watcher who finds the same', () => {
    const peers = new ScriptedPeers({ ...silent, watchers: 1 })
    peers.join(...others)
    peers.say('a', gossip, stateOf(next, 'suspect', { accusers: [hashText('a')] }))
    const answering = others.filter((id) => id !== next)
    peers.run(1_100, { answering, nacking: true })
    expect(peers.core.counters.confirmations).toBe(1)
    const [last] = peers.sentTo(next, 'gossip').flatMap(({ statements }) => statements)
    expect(last).toMatchObject({ accusers: [hashText('a'), hashText('self')] })
  })
})

describe('a death that is heard of by comparison', () => {
  it('is looked at at once by everybody', () => {
    const peers = new ScriptedPeers({ ...silent, watchers: 1 })
    const id = others.find((other) => other !== next) as string
    peers.join(...others)
    peers.say(next, { kind: 'repair' }, stateOf(id, 'failed'))
    expect(peers.stateOf(id)).toBe('suspect')
    expect(peers.sentTo(id, 'ping')).toHaveLength(1)
  })
})

describe.each([
  ['its state', stateOf],
  ['its whole record', (id: string, state: 'failed') => recordOf(id, { state })],
])('a death that is read in %s by comparison', (_, said) => {
  const tell = (): { peers: ScriptedPeers; id: string } => {
    const peers = new ScriptedPeers({ ...silent, watchers: 1 })
    const id = others.find((other) => other !== next) as string
    peers.join(...others)
    for (const from of others.filter((other) => other !== id)) {
      peers.say(from, { kind: 'repair' }, said(id, 'failed'))
    }
    return { peers, id }
  }

  it('kills nobody at once, however many say so: it may be old news of a partition', () => {
    const { peers, id } = tell()
    expect(peers.stateOf(id)).toBe('suspect')
    peers.say(id, { kind: 'gossip' }, stateOf(id, 'alive', { counter: 1 }))
    expect(peers.stateOf(id)).toBe('alive')
  })

  it('is believed after the least suspicion when it is not denied', () => {
    const { peers, id } = tell()
    peers.run(3_400)
    expect(peers.stateOf(id)).toBe('suspect')
    peers.run(200)
    expect(peers.stateOf(id)).toBe('failed')
  })
})

describe('an accusation', () => {
  it('goes to the suspect and to those who watch it at once, and to the others as news', () => {
    const watchers = 2
    const peers = new ScriptedPeers({ probePeriodMs: 60_000, watchers })
    peers.join(...others)
    const answering = others.filter((id) => id !== next)
    while (peers.stateOf(next) === 'alive') {
      peers.clear()
      peers.run(5, { answering, nacking: true })
    }
    const told = peers.sent.filter(({ packet: { body, statements } }) => {
      const isAbout = statements.some((one) => one.nodeId === next && one.kind === 'state')
      return body.kind === 'gossip' && isAbout
    })
    const atOnce = [next, ...before(next, watchers)].filter((id) => id !== 'self')
    expect(told.map(({ to }) => to).sort()).toEqual(atOnce.sort())
  })

  it('is told so many times, and with its confirmations not once more', () => {
    const tell = (isConfirmed: boolean): StateStatement[] => {
      const peers = new ScriptedPeers({ ...silent, watchers: 1 })
      const id = others.find((other) => other !== next) as string
      peers.join(...others)
      peers.run(1_500, { answering: others })
      peers.clear()
      const [one, two] = others.filter((other) => other !== id) as [string, string]
      peers.say(one, gossip, stateOf(id, 'suspect', { accusers: [hashText(one)] }))
      if (isConfirmed) peers.say(two, gossip, stateOf(id, 'suspect', { accusers: [hashText(two)] }))
      peers.run(1_500, { answering: others })
      // Its time is over: a confirmation is not news any longer.
      peers.say(two, gossip, stateOf(id, 'suspect', { accusers: [hashText('late')] }))
      peers.run(1_500, { answering: others })
      return saidOf(id, peers.sent)
    }
    // 4 * log10(8), rounded up.
    expect(tell(false).map(({ accusers }) => accusers.length)).toEqual([1, 1, 1, 1])
    expect(tell(true).map(({ accusers }) => accusers.length)).toEqual([2, 2, 2, 2])
  })
})
