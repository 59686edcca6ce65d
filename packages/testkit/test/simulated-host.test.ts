import { seededRandom } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import {
  SimulatedHost,
  type SimulatedProcess,
  simulatedNetwork,
  simulatedScheduler,
} from '../src/index.ts'

function oneHost(options: { socketBytesMax?: number; timerLatenessMs?: number } = {}) {
  const scheduler = simulatedScheduler()
  const network = simulatedNetwork({ scheduler, random: seededRandom('network') })
  const steps: string[] = []
  const host = new SimulatedHost({
    name: 'a',
    scheduler,
    network,
    random: seededRandom('host'),
    onStep: () => steps.push('step'),
    onEnd: () => steps.push('end'),
    ...options,
  })
  const friend = network.attach({ host: 'friend', port: 1 })
  const start = (): SimulatedProcess => host.start(() => undefined)
  return { scheduler, network, host, steps, friend, start }
}

describe('a simulated process', () => {
  it('handles what waited in its socket before its late timers when it goes on after a pause', () => {
    const { scheduler, host, friend, start } = oneHost()
    const process = start()
    const heard: string[] = []
    const port = process.attach(1)
    port.onPacket = (bytes) => heard.push(`packet ${bytes[0]} at ${scheduler.nowMs()}`)
    process.scheduler.after(10, () => heard.push(`timer at ${scheduler.nowMs()}`))
    host.pause(100)
    scheduler.runFor(20)
    friend.send(Uint8Array.of(7), port.address)
    scheduler.runFor(79)
    expect(heard).toEqual([])
    scheduler.runFor(1)
    expect(heard).toEqual(['packet 7 at 100', 'timer at 100'])
    expect(host.counters).toMatchObject({
      pauses: 1,
      pausedMs: 100,
      lateTimers: 1,
      queuedPackets: 1,
    })
  })

  it('goes on early when it is resumed', () => {
    const { scheduler, host, start } = oneHost()
    const heard: number[] = []
    start().scheduler.after(5, () => heard.push(scheduler.nowMs()))
    host.pause(1_000)
    scheduler.runFor(50)
    host.resume()
    expect(heard).toEqual([50])
    expect(host.counters.pausedMs).toBe(50)
  })

  it('forgets a late timer that a packet cancels', () => {
    const { scheduler, host, friend, start } = oneHost()
    const process = start()
    const heard: string[] = []
    const timer = process.scheduler.after(5, () => heard.push('timer'))
    const port = process.attach(1)
    port.onPacket = () => timer.cancel()
    host.pause(50)
    friend.send(Uint8Array.of(1), port.address)
    scheduler.runFor(100)
    expect([heard, host.counters.lateTimers]).toEqual([[], 1])
  })

  it('loses packets past its socket buffer while it stands still', () => {
    const { scheduler, host, friend, start } = oneHost({ socketBytesMax: 1_000 })
    const port = start().attach(1)
    let heard = 0
    port.onPacket = () => {
      heard += 1
    }
    host.pause(100)
    for (let packet = 0; packet < 15; packet += 1) friend.send(new Uint8Array(100), port.address)
    scheduler.runFor(200)
    expect([heard, host.counters.overflowedPackets]).toEqual([10, 5])
  })

  it('stands still again and again on a busy processor, until that ends', () => {
    const { scheduler, host, start } = oneHost()
    start()
    host.stall({ everyMs: 100, stalledMs: 60 })
    const stalled: boolean[] = []
    for (let at = 0; at < 4; at += 1) {
      scheduler.runFor(50)
      stalled.push(host.isPaused)
    }
    expect(stalled).toEqual([true, true, true, true])
    scheduler.runFor(20)
    host.stall(null)
    scheduler.runFor(60)
    expect(host.isPaused).toBe(false)
    scheduler.runFor(60)
    expect(host.isPaused).toBe(false)
    expect(host.counters.pauses).toBe(3)
  })

  it('is gone with its timers and ports when it crashes, and starts anew', () => {
    const { scheduler, network, host, friend, steps, start } = oneHost()
    const first = start()
    const heard: string[] = []
    first.attach(1).onPacket = () => heard.push('packet')
    first.scheduler.after(5, () => heard.push('timer'))
    host.crash()
    friend.send(Uint8Array.of(1), { host: 'a', port: 1 })
    scheduler.runFor(10)
    expect([heard, first.isRunning, host.isRunning]).toEqual([[], false, false])
    expect(network.counters.unreachable).toBe(1)
    const second = start()
    expect([second.boot, second.isRunning, host.counters.crashes]).toEqual([2, true, 1])
    expect(second.random.u32()).not.toBe(first.random.u32())
    expect(steps).toEqual(['step', 'end', 'step'])
    second.attach(1)
  })

  it('sees time pass at the rate of its own clock, and timers with it', () => {
    const { scheduler, host, start } = oneHost()
    const process = start()
    scheduler.runFor(1_000)
    host.setClockRate(2)
    const fired: number[] = []
    process.scheduler.after(1_000, () => fired.push(scheduler.nowMs()))
    const wallMs = process.scheduler.wallMs()
    scheduler.runFor(600)
    expect(process.scheduler.nowMs()).toBeCloseTo(2_200, 3)
    expect(process.scheduler.wallMs() - wallMs).toBeCloseTo(1_200, 3)
    expect(fired[0]).toBeCloseTo(1_500, 3)
    host.setClockRate(1)
    scheduler.runFor(100)
    expect(process.scheduler.nowMs()).toBeCloseTo(2_300, 3)
  })

  it('has timers that are a little late, as told', () => {
    const { scheduler, start } = oneHost({ timerLatenessMs: 10 })
    const process = start()
    const fired: number[] = []
    for (let timer = 0; timer < 50; timer += 1) {
      process.scheduler.after(5, () => fired.push(scheduler.nowMs()))
    }
    scheduler.runFor(100)
    expect(Math.min(...fired)).toBeGreaterThanOrEqual(5)
    expect(Math.max(...fired)).toBeGreaterThan(12)
    expect(Math.max(...fired)).toBeLessThanOrEqual(15)
  })

  it('hears that a write is durable only while it lives', () => {
    const { scheduler, host, start } = oneHost()
    const heard: string[] = []
    start().files.write('epoch', Uint8Array.of(1), (result) => heard.push(result))
    host.crash()
    scheduler.runFor(50)
    const second = start()
    expect([heard, second.files.read('epoch')]).toEqual([[], Uint8Array.of(1)])
    second.files.write('epoch', Uint8Array.of(2), (result) => heard.push(result))
    scheduler.runFor(50)
    expect(heard).toEqual(['durable'])
  })
})
