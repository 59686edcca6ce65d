import { describe, expect, it } from 'vitest'
import { UnreadBytes } from '../../src/driver/unread-bytes.ts'

describe('the estimate of unread bytes', () => {
  it('is never less than what was received and not read', () => {
    const unread = new UnreadBytes(1_000_000)
    for (let packet = 0; packet < 100; packet += 1) unread.received(1_200)
    unread.read(10_000, 1)
    expect(unread.bytes).toBeGreaterThanOrEqual(100 * 1_150 - 10_000)
    expect(unread.bytes).toBeLessThanOrEqual(120_000 - 10_000)
  })

  it('is never more than the windows of the streams that hold something', () => {
    const unread = new UnreadBytes(65_536)
    for (let packet = 0; packet < 10_000; packet += 1) unread.received(1_200)
    unread.read(0, 3)
    expect(unread.bytes).toBe(3 * 65_536)
  })

  it('does not grow with headers and acknowledgements over the life of a connection', () => {
    const unread = new UnreadBytes(2 ** 30)
    for (let turn = 0; turn < 100_000; turn += 1) {
      unread.received(1_200)
      unread.received(60)
      unread.read(1_100, 0)
    }
    unread.received(1_200)
    unread.read(0, 1)
    expect(unread.bytes).toBeLessThan(1_200)
  })
})
