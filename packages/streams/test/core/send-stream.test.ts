import { describe, expect, it } from 'vitest'
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { sessionRules } from '../../src/core/rules.ts'
import { SendStream } from '../../src/core/send-stream.ts'
import { SlabPool, slabBytes } from '../../src/core/slab-pool.ts'
import { frameBytesAt, frameFlag, frameFlagsOffset } from '../../src/wire/frame.ts'

const type = 0x90

/** A stream with what it hands over, and how many buffers were allocated for it. */
function stream(
  options: { bufferBytesMax?: number; creditLimit?: number; budgetBytes?: number } = {},
) {
  const budget = new ByteBudget(options.budgetBytes ?? 100_000_000, sessionRules)
  const world = { allocated: 0 }
  const pool = new SlabPool((bytes) => {
    world.allocated += 1
    return new Uint8Array(bytes)
  }, 8)
  const send = new SendStream({
    stream: 1,
    label: 'x/y',
    laneClass: 'interactive',
    budget,
    bufferBytesMax: options.bufferBytesMax ?? 1_000_000,
    creditLimit: options.creditLimit ?? 10_000_000,
    pool,
    rules: sessionRules,
    wake: (each) => {
      each.isListed = true
    },
  })
  return { send, pool, world, budget }
}

function write(send: SendStream, bytes: number): void {
  const at = send.frame(type, 0, bytes)
  send.buffer.fill(send.sequence & 0xff, at, at + bytes)
}

/** The sequences of the frames in some bytes; those of this test are below 128. */
function sequences(bytes: Uint8Array): number[] {
  const found: number[] = []
  for (let at = 0; at < bytes.length; at += frameBytesAt(bytes, at)) {
    found.push(bytes[at + 7] as number)
  }
  return found
}

function all(send: SendStream): number[] {
  const found: number[] = []
  for (let piece = send.next(); piece !== null; piece = send.next()) {
    found.push(...sequences(piece.bytes))
  }
  return found
}

describe('the sending end of a stream', () => {
  it('hands over the very bytes that its caller wrote', () => {
    const { send } = stream()
    write(send, 100)
    const { buffer } = send
    expect(send.next()?.bytes.buffer).toBe(buffer.buffer)
    // Also those of a message that takes several frames: only headers are put between.
    const at = send.frame(type, 0, 300_000)
    const large = send.buffer
    large.fill(7, at)
    const parts = [send.next(), send.next(), send.next()]
    expect(parts.map((piece) => piece?.tail?.buffer === large.buffer)).toEqual([true, true, true])
    expect(parts.map((piece) => piece?.bytes[frameFlagsOffset])).toEqual([
      frameFlag.more,
      frameFlag.more,
      0,
    ])
  })

  it('uses its buffers again once they are acknowledged, and none that an older connection may still read', () => {
    const { send, pool, world } = stream()
    const fill = (): void => {
      for (let count = 0; count < 10; count++) write(send, slabBytes / 4)
      all(send)
    }
    fill()
    const first = world.allocated
    expect(send.acknowledged(10, 10_000_000)).toBe(true)
    expect(pool.free).toBeGreaterThan(1)
    fill()
    expect(world.allocated - first).toBeLessThan(first)
    const free = pool.free
    expect(send.resumed(11, 10_000_000)).toBe(true)
    expect(all(send)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
    send.acknowledged(20, 10_000_000)
    expect([send.bufferedBytes, pool.free]).toEqual([0, free])
  })

  it('goes on from the frame that is asked for, in the middle of what left together', () => {
    for (let next = 1; next <= 21; next++) {
      const { send } = stream()
      for (let count = 0; count < 20; count++) write(send, 50)
      expect(all(send)).toHaveLength(20)
      expect(send.resumed(next, 10_000_000)).toBe(true)
      write(send, 50)
      expect(all(send)).toEqual(Array.from({ length: 22 - next }, (_, index) => next + index))
    }
  })

  it('starts no frame beyond its credit', () => {
    const { send } = stream({ creditLimit: 250 })
    for (let count = 0; count < 10; count++) write(send, 92)
    // Frames of 100 bytes: those that start at 0, 100 and 200.
    expect(all(send)).toEqual([1, 2, 3])
    send.acknowledged(2, 500)
    expect(all(send)).toEqual([4, 5])
    expect(send.waitingBytes).toBe(500)
  })

  it('asks for an acknowledgement when it has no room, and says when it has', () => {
    const { send } = stream({ bufferBytesMax: 65_536 })
    let hasRoom = false
    send.onRoom = () => {
      hasRoom = true
    }
    while (send.hasRoom(1_000)) write(send, 1_000)
    const piece = send.next()
    const bytes = piece?.bytes ?? new Uint8Array(0)
    const flags: number[] = []
    for (let at = 0; at < bytes.length; at += frameBytesAt(bytes, at)) {
      flags.push(bytes[at + frameFlagsOffset] as number)
    }
    expect(flags.slice(0, -1).every((each) => each === 0)).toBe(true)
    expect(flags.at(-1)).toBe(frameFlag.acknowledgeNow)
    send.acknowledged(flags.length, 10_000_000)
    expect([hasRoom, send.bufferedBytes]).toEqual([true, 0])
  })

  it('takes no word for what was not sent, and none that goes back', () => {
    const { send } = stream()
    for (let count = 0; count < 5; count++) write(send, 50)
    expect(send.acknowledged(1, 0)).toBe(false)
    all(send)
    expect([send.acknowledged(6, 0), send.acknowledged(3, 0)]).toEqual([false, true])
    expect([send.resumed(3, 0), send.resumed(7, 0), send.resumed(4, 0)]).toEqual([
      false,
      false,
      true,
    ])
    expect(send.close()).toEqual({ from: 4, to: 5 })
    expect(() => send.frame(type, 0, 1)).toThrow('closed')
  })
})
