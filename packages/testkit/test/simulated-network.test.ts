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
    expect(network.counters).toMatchObject({ sent: 1, blocked: 1 })
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
