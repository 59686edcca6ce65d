import { describe, expect, it } from 'vitest'
import { UnreadBytes } from '../../src/driver/unread-bytes.ts'

/** A connection whose engine takes every datagram but those of strangers. */
class Arrivals {
  readonly unread: UnreadBytes
  asked = 0
  #taken = 0

  constructor(windowBytes: number) {
    this.unread = new UnreadBytes(windowBytes, () => {
      this.asked += 1
      return this.#taken
    })
  }

  arrive(bytes: number): void {
    this.#taken += bytes
    this.unread.received(bytes)
  }

  /** What is unread, as far as the estimate says. */
  get bytes(): number {
    let [low, high] = [0, 2 ** 40]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.unread.exceeds(middle)) low = middle + 1
      else high = middle
    }
    return low
  }
}

describe('the estimate of unread bytes', () => {
  it('is never less than what was received and not read', () => {
    const arrivals = new Arrivals(1_000_000)
    for (let packet = 0; packet < 100; packet += 1) arrivals.arrive(1_200)
    arrivals.unread.read(10_000, 1)
    expect(arrivals.bytes).toBeGreaterThanOrEqual(100 * 1_150 - 10_000)
    expect(arrivals.bytes).toBeLessThanOrEqual(120_000 - 10_000)
    for (let packet = 0; packet < 100; packet += 1) arrivals.arrive(1_200)
    arrivals.unread.read(20_000, 1)
    expect(arrivals.bytes).toBeGreaterThanOrEqual(200 * 1_150 - 30_000)
    expect(arrivals.bytes).toBeLessThanOrEqual(240_000 - 30_000)
  })

  it('is never more than the windows of the streams that hold something', () => {
    const arrivals = new Arrivals(65_536)
    for (let packet = 0; packet < 10_000; packet += 1) arrivals.arrive(1_200)
    arrivals.unread.read(0, 3)
    expect(arrivals.bytes).toBe(3 * 65_536)
  })

  it('does not grow with headers and acknowledgements over the life of a connection', () => {
    const arrivals = new Arrivals(2 ** 30)
    for (let turn = 0; turn < 100_000; turn += 1) {
      arrivals.arrive(1_200)
      arrivals.arrive(60)
      arrivals.unread.read(1_100, 0)
    }
    arrivals.arrive(1_200)
    arrivals.unread.read(0, 1)
    expect(arrivals.bytes).toBeLessThan(1_200)
  })

  it('leaves out what the engine did not take, and asks it only when that matters', () => {
    const arrivals = new Arrivals(2 ** 30)
    for (let packet = 0; packet < 10; packet += 1) arrivals.arrive(1_200)
    arrivals.unread.read(2_000, 1)
    for (let packet = 0; packet < 10_000; packet += 1) {
      arrivals.unread.received(1_200)
      arrivals.unread.read(0, 1)
    }
    const { asked } = arrivals
    expect(arrivals.unread.exceeds(20_000_000)).toBe(false)
    expect(arrivals.asked).toBe(asked)
    expect(arrivals.unread.exceeds(1_000_000)).toBe(false)
    expect(arrivals.asked).toBe(asked + 1)
    expect(arrivals.bytes).toBeGreaterThanOrEqual(10 * 1_150 - 2_000)
    expect(arrivals.bytes).toBeLessThanOrEqual(10 * 1_200 - 2_000)
  })
})
