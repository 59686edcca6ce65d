import { seededRandom } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import {
  type LinkQuality,
  type SimulatedPort,
  simulatedNetwork,
  simulatedScheduler,
} from '../src/index.ts'

function twoHosts(quality: Partial<LinkQuality> = {}, seed = 'a seed') {
  const scheduler = simulatedScheduler()
  const network = simulatedNetwork({ scheduler, random: seededRandom(seed), quality })
  const a = network.attach({ host: 'a', port: 1 })
  const b = network.attach({ host: 'b', port: 1 })
  const heard: { atMs: number; bytes: number[]; from: string }[] = []
  b.onPacket = (bytes, from) =>
    heard.push({ atMs: scheduler.nowMs(), bytes: [...bytes], from: from.host })
  const send = (count: number): void => {
    for (let number = 0; number < count; number++) a.send(Uint8Array.of(number), b.address)
  }
  return { scheduler, network, a, b, heard, send }
}

describe('a simulated network', () => {
  it('delivers after the delay, in order without jitter', () => {
    const { scheduler, heard, send } = twoHosts({ delayMs: 7 })
    send(2)
    scheduler.runFor(6)
    expect(heard).toEqual([])
    scheduler.runFor(1)
    expect(heard).toEqual([
      { atMs: 7, bytes: [0], from: 'a' },
      { atMs: 7, bytes: [1], from: 'a' },
    ])
  })

  it('lets packets overtake each other with jitter', () => {
    const { scheduler, heard, send } = twoHosts({ jitterMs: 100 })
    send(50)
    scheduler.runFor(200)
    const order = heard.map(({ bytes }) => bytes[0])
    expect(order).not.toEqual([...order].sort((x, y) => Number(x) - Number(y)))
    expect(order).toHaveLength(50)
  })

  it('loses and duplicates the share it is told, and counts it', () => {
    const { scheduler, network, heard, a, b } = twoHosts({ loss: 0.3, duplication: 0.2 })
    for (let number = 0; number < 10_000; number++) a.send(Uint8Array.of(1), b.address)
    scheduler.runFor(10)
    const { sent, lost, duplicated, delivered } = network.counters
    expect(sent).toBe(10_000)
    expect(lost / sent).toBeCloseTo(0.3, 1)
    expect(duplicated / (sent - lost)).toBeCloseTo(0.2, 1)
    expect(delivered).toBe(sent - lost + duplicated)
    expect(heard).toHaveLength(delivered)
  })

  it('does the same again for the same seed, and something else for another', () => {
    const trace = (seed: string): string => {
      const { scheduler, heard, send } = twoHosts({ loss: 0.3, jitterMs: 50 }, seed)
      send(100)
      scheduler.runFor(100)
      return JSON.stringify(heard)
    }
    expect(trace('one')).toBe(trace('one'))
    expect(trace('one')).not.toBe(trace('two'))
  })

  it('swallows packets above the MTU', () => {
    const { scheduler, network, a, b, heard } = twoHosts({ mtuBytes: 100 })
    a.send(new Uint8Array(101), b.address)
    a.send(new Uint8Array(100), b.address)
    scheduler.runFor(10)
    expect(heard).toHaveLength(1)
    expect(network.counters.tooLarge).toBe(1)
  })

  it('cuts one direction, and heals', () => {
    const { scheduler, network, a, b, heard, send } = twoHosts()
    const back: number[] = []
    a.onPacket = (bytes) => back.push(...bytes)
    network.cut('a', 'b')
    send(1)
    b.send(Uint8Array.of(9), a.address)
    scheduler.runFor(10)
    expect([heard, back]).toEqual([[], [9]])
    network.heal()
    send(1)
    scheduler.runFor(10)
    expect(heard).toHaveLength(1)
    expect(network.counters.blocked).toBe(1)
  })

  it('splits hosts into groups', () => {
    const { scheduler, network, heard, send } = twoHosts()
    network.partition(['a'], ['b'])
    send(1)
    network.partition(['a', 'b'], ['c'])
    send(1)
    scheduler.runFor(10)
    expect(heard).toHaveLength(1)
  })

  it('takes nothing from a port that is detached, and delivers nothing to it', () => {
    const { scheduler, network, a, b, heard, send } = twoHosts()
    send(1)
    b.detach()
    scheduler.runFor(10)
    a.detach()
    send(1)
    scheduler.runFor(10)
    expect(heard).toEqual([])
    expect(network.counters).toMatchObject({ sent: 1, unreachable: 1 })
    const again: SimulatedPort = network.attach(b.address)
    expect(again.address).toEqual(b.address)
    expect(() => network.attach(b.address)).toThrow('in use')
  })

  it('copies what is sent, so that a buffer can be used again', () => {
    const { scheduler, a, b, heard } = twoHosts()
    const buffer = Uint8Array.of(1)
    a.send(buffer, b.address)
    buffer[0] = 2
    scheduler.runFor(10)
    expect(heard[0]?.bytes).toEqual([1])
  })
})

describe('links of a simulated network', () => {
  it('have their own quality in one direction, and lose it again', () => {
    const { scheduler, network, heard, send } = twoHosts()
    network.setLink('a', 'b', { delayMs: 50 })
    network.setLink('b', 'a', { loss: 1 })
    send(1)
    network.setLink('a', 'b', null)
    send(1)
    scheduler.runFor(100)
    expect(heard.map(({ atMs }) => atMs)).toEqual([1, 50])
  })

  it('are in series with what leaves a host and what enters another', () => {
    const { scheduler, network, heard, send } = twoHosts({ delayMs: 10 })
    network.setHost('a', 'egress', { delayMs: 100 })
    network.setHost('b', 'ingress', { delayMs: 1_000, mtuBytes: 1 })
    network.setHost('a', 'ingress', { loss: 1 })
    network.setHost('b', 'egress', { loss: 1 })
    send(1)
    scheduler.runFor(2_000)
    expect(heard.map(({ atMs }) => atMs)).toEqual([1_110])
    network.setHost('a', 'egress', { loss: 0.5 })
    network.setHost('b', 'ingress', { loss: 0.5 })
    for (let round = 0; round < 100; round += 1) send(10)
    expect(network.counters.lost).toBeGreaterThan(700)
    expect(network.counters.lost).toBeLessThan(800)
    network.setHost('a', 'egress', null)
    network.setHost('b', 'ingress', null)
    const { lost } = network.counters
    send(10)
    expect(network.counters.lost).toBe(lost)
  })

  it('hold the share of packets back that they are told, so that later ones overtake them', () => {
    const { scheduler, network, heard, send } = twoHosts({ reordering: 0.3, reorderedByMs: 20 })
    send(200)
    scheduler.runFor(100)
    const late = heard.filter(({ atMs }) => atMs === 21)
    expect(network.counters.reordered).toBeGreaterThanOrEqual(late.length)
    expect(late.length).toBeGreaterThan(30)
    expect(late.length).toBeLessThan(90)
  })

  it('stay cut until each cut is mended', () => {
    const { scheduler, network, heard, send } = twoHosts()
    network.cut('a', 'b')
    network.cut('a', 'b')
    network.mend('a', 'b')
    send(1)
    network.mend('a', 'b')
    send(1)
    network.mend('a', 'b')
    scheduler.runFor(10)
    expect([heard.length, network.counters.blocked]).toEqual([1, 1])
  })

  it('are whole again when a partition is undone, unless another has replaced it', () => {
    const { scheduler, network, heard, send } = twoHosts()
    const undoFirst = network.partition(['a'], ['b'])
    const undoSecond = network.partition(['a'], ['b'])
    undoFirst()
    send(1)
    undoSecond()
    send(1)
    scheduler.runFor(10)
    expect(heard).toHaveLength(1)
  })

  it('carry so many packets at once and drop the next, counted', () => {
    const scheduler = simulatedScheduler()
    const random = seededRandom('bound')
    const network = simulatedNetwork({ scheduler, random, packetsInFlightMax: 10 })
    const [a, b] = [network.attach({ host: 'a', port: 1 }), network.attach({ host: 'b', port: 1 })]
    b.onPacket = () => undefined
    for (let packet = 0; packet < 15; packet += 1) a.send(new Uint8Array(1), b.address)
    scheduler.runFor(10)
    a.send(new Uint8Array(1), b.address)
    scheduler.runFor(10)
    expect(network.counters).toMatchObject({ delivered: 11, overflowed: 5 })
  })
})
