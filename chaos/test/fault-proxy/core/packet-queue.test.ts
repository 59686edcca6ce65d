import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PacketQueue } from '../../../src/fault-proxy/core/packet-queue.ts'

const packet = (
  atMs: number,
  arrival = 0,
  length = 1,
): Parameters<PacketQueue<null>['offer']>[0] => ({
  atMs,
  arrival,
  bytes: new Uint8Array(length),
  lane: null,
})

describe('the queue of datagrams under way', () => {
  it('gives them by time, and by their order where times are equal', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 200 }), (times) => {
        const queue = new PacketQueue<null>({ packetsMax: 1_000, bytesMax: 1_000 })
        for (const [arrival, atMs] of times.entries()) queue.offer(packet(atMs, arrival))
        const wanted = times.map((atMs, arrival) => ({ atMs, arrival }))
        wanted.sort((a, b) => a.atMs - b.atMs || a.arrival - b.arrival)
        const got = times.map(() => queue.poll(20))
        expect(got.map((one) => ({ atMs: one?.atMs, arrival: one?.arrival }))).toEqual(wanted)
        expect([queue.packets, queue.bytes, queue.nextAtMs]).toEqual([0, 0, undefined])
      }),
    )
  })

  it('keeps what is not due', () => {
    const queue = new PacketQueue<null>({ packetsMax: 10, bytesMax: 10 })
    queue.offer(packet(5))
    expect(queue.poll(4.9)).toBeUndefined()
    expect(queue.nextAtMs).toBe(5)
    expect(queue.poll(5)?.atMs).toBe(5)
  })

  it('is bounded in packets and in bytes', () => {
    const queue = new PacketQueue<null>({ packetsMax: 2, bytesMax: 100 })
    expect(queue.offer(packet(1, 0, 101))).toBe(false)
    expect(queue.offer(packet(1, 0, 99))).toBe(true)
    expect(queue.offer(packet(1, 0, 2))).toBe(false)
    expect(queue.offer(packet(1, 0, 1))).toBe(true)
    expect(queue.offer(packet(1, 0, 0))).toBe(false)
    expect([queue.packets, queue.bytes]).toEqual([2, 100])
  })
})
