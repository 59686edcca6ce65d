import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReplayWindow } from '../../src/core/replay-window.ts'
import { forgottenPerSender, SenderMemory } from '../../src/core/sender-memory.ts'

/** What a receiver does with a genuine packet. */
function take(memory: SenderMemory<string>, sender: string, counter: number): boolean {
  const known = memory.find(sender) ?? { key: sender, window: memory.newWindow(sender) }
  if (known.window.seen(counter)) return false
  known.window.mark(counter)
  memory.heard(sender, known)
  return true
}

describe('the memory of senders', () => {
  it('keeps the most recently heard, up to its limit', () => {
    const memory = new SenderMemory<string>(2)
    take(memory, 'a', 1)
    take(memory, 'b', 1)
    take(memory, 'a', 2)
    take(memory, 'c', 1)
    expect(memory.size).toBe(2)
    expect(memory.find('b')).toBeUndefined()
    expect(memory.find('a')?.key).toBe('a')
  })

  it('is not put in another order by a look', () => {
    const memory = new SenderMemory<string>(2)
    take(memory, 'a', 1)
    take(memory, 'b', 1)
    memory.find('a')
    take(memory, 'c', 1)
    expect(memory.find('a')).toBeUndefined()
    expect(memory.find('b')).toBeDefined()
  })

  it('takes a sender that left back with all counters up to its highest seen', () => {
    const memory = new SenderMemory<string>(1)
    take(memory, 'a', 5)
    take(memory, 'b', 1)
    expect(memory.newWindow('a').highest).toBe(5)
    expect([4, 5].map((counter) => take(memory, 'a', counter))).toEqual([false, false])
    expect(take(memory, 'a', 6)).toBe(true)
    expect(take(memory, 'a', 6)).toBe(false)
  })

  it('forgets a sender only after 17 times its limit of others', () => {
    const sendersMax = 3
    const others = sendersMax * (forgottenPerSender + 1)
    const memory = new SenderMemory<string>(sendersMax)
    take(memory, 'a', 9)
    for (let other = 1; other < others; other++) take(memory, `other ${other}`, 1)
    expect(memory.newWindow('a').highest).toBe(9)
    take(memory, 'the last', 1)
    expect(memory.newWindow('a').highest).toBe(0)
  })

  it('remembers a sender that came back and left again as long as any other', () => {
    const memory = new SenderMemory<string>(1)
    take(memory, 'a', 9)
    take(memory, 'b', 1)
    take(memory, 'a', 10)
    for (let other = 1; other <= forgottenPerSender; other++) take(memory, `other ${other}`, 1)
    expect(memory.newWindow('a').highest).toBe(10)
    take(memory, 'the last', 1)
    expect(memory.newWindow('a').highest).toBe(0)
  })

  it('never takes a packet twice, whoever comes and goes within that', () => {
    const packet = fc.record({ sender: fc.nat(20), counter: fc.integer({ min: 1, max: 6 }) })
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 200 }), fc.nat(3), (packets, more) => {
        const memory = new SenderMemory<string>(2 + more)
        const taken = new Set<string>()
        for (const { sender, counter } of packets) {
          const name = `${sender} ${counter}`
          if (!take(memory, String(sender), counter)) continue
          expect(taken.has(name), name).toBe(false)
          taken.add(name)
          expect(memory.size).toBeLessThanOrEqual(2 + more)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('starts an unknown sender with an empty window', () => {
    const window = new SenderMemory<string>(1).newWindow('a')
    expect(window).toBeInstanceOf(ReplayWindow)
    expect([window.highest, window.seen(1)]).toEqual([0, false])
  })
})
