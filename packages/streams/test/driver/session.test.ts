import { NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { frameHeaderBytesMax, frameType, writeFrameHeader } from '../../src/wire/frame.ts'
import { encodeOpen } from '../../src/wire/open.ts'
import { byteByByte } from '../fake-connections.ts'
import { connected, settle, TestWorld, until, untilLater, write } from '../nodes.ts'

/** OPEN of lane x/y as the first frame of its stream. */
function encodeOpenFrame(stream: number): Uint8Array {
  const body = encodeOpen({
    stream,
    kind: 'messages',
    application: 'x',
    name: 'y',
    laneClass: 'interactive',
  })
  const bytes = new Uint8Array(frameHeaderBytesMax + body.length)
  const at = writeFrameHeader(bytes, 0, frameType.open, 0, stream, 1, body.length)
  bytes.set(body, at)
  return bytes.subarray(0, at + body.length)
}

describe('lanes', () => {
  it('carry frames in order, each lane its own, however the bytes are cut', async () => {
    const { world, a, b } = await connected()
    world.wire.fragment = byteByByte
    const orders = a.session.openLane('messages', 'orders', 'default')
    const audit = a.session.openLane('messages', 'orders', 'audit')
    for (let number = 1; number <= 50; number++) {
      write(a.session, orders, `order ${number}`)
      write(a.session, audit, `audit ${number}`)
    }
    await until(() => b.lanes.length === 2 && b.lanes.every(({ bodies }) => bodies.length === 50))
    const [first, second] = b.lanes
    expect([first?.lane.application, first?.lane.name, second?.lane.name]).toEqual([
      'orders',
      'default',
      'audit',
    ])
    const numbered = (what: string): string[] =>
      Array.from({ length: 50 }, (_, index) => `144/${index + 2} ${what} ${index + 1}`)
    expect(first?.bodies).toEqual(numbered('order'))
    expect(second?.bodies).toEqual(numbered('audit'))
  })

  it('go in both directions over one session', async () => {
    const { a, b } = await connected()
    write(a.session, a.session.openLane('messages', 'x', 'y'), 'to b')
    write(b.session, b.session.openLane('requests', 'x', 'y'), 'to a')
    await until(() => a.lanes.length === 1 && b.lanes.length === 1)
    await until(() => a.lanes[0]?.bodies.length === 1 && b.lanes[0]?.bodies.length === 1)
    expect(a.lanes[0]?.lane.kind).toBe('requests')
    expect(b.lanes[0]?.lane.kind).toBe('messages')
  })

  it('say when they have no room, and when they have again', async () => {
    const { world, a, b } = await connected({ streams: { laneBufferBytesMax: 65_536 } })
    world.wire.windowBytes = 1_000
    const lane = a.session.openLane('messages', 'orders', 'default')
    await until(() => b.lanes.length === 1)
    b.lanes[0]?.lane.pause()
    const text = 'x'.repeat(1_000)
    let written = 0
    const fill = async (): Promise<void> => {
      while (lane.hasRoom(text.length)) {
        write(a.session, lane, text)
        written += 1
      }
      await settle()
    }
    // What the transport takes leaves room for more, until it takes no more.
    for (let turn = 0; turn < 5; turn++) await fill()
    // One buffer of 64 KiB is on its way, as much waits in the lane.
    expect(written).toBeLessThan(140)
    expect(lane.waitingBytes).toBeLessThanOrEqual(65_536)
    let hasRoom = false
    lane.onRoom = () => {
      hasRoom = true
    }
    await settle()
    expect([hasRoom, b.lanes[0]?.bodies.length]).toEqual([false, 0])
    b.lanes[0]?.lane.resume()
    await until(() => hasRoom)
    await until(() => b.lanes[0]?.bodies.length === written)
    expect(lane.waitingBytes).toBe(0)
  })

  it('that are paused hold up neither others nor the control stream', async () => {
    const { a, b } = await connected()
    const slow = a.session.openLane('messages', 'orders', 'slow')
    const fast = a.session.openLane('messages', 'orders', 'fast')
    await until(() => b.lanes.length === 2)
    b.lanes[0]?.lane.pause()
    write(a.session, slow, 'waits')
    write(a.session, fast, 'goes')
    write(a.session, a.session.control, 'goes too')
    await until(() => b.control.length === 1 && b.lanes[1]?.bodies.length === 1)
    await settle()
    expect(b.lanes[0]?.bodies).toEqual([])
  })

  it('can be paused from inside a frame, and go on where they stopped', async () => {
    const { a, b } = await connected()
    const lane = a.session.openLane('messages', 'orders', 'default')
    await until(() => b.lanes.length === 1)
    const heard = b.lanes[0]
    if (heard === undefined) throw new Error('no lane')
    const seen: number[] = []
    heard.lane.receiver = {
      frame: (_type, sequence) => {
        seen.push(sequence)
        heard.lane.pause()
      },
      closed: () => undefined,
    }
    for (let number = 0; number < 5; number++) write(a.session, lane, 'x')
    for (let number = 1; number <= 5; number++) {
      await until(() => seen.length === number)
      await settle()
      expect(seen).toHaveLength(number)
      heard.lane.resume()
    }
    expect(seen).toEqual([2, 3, 4, 5, 6])
  })

  it('past the limit are refused with a code', async () => {
    const { a } = await connected({ streams: { lanesPerSessionMax: 2 } })
    a.session.openLane('messages', 'x', '1')
    a.session.openLane('messages', 'x', '2')
    expect(() => a.session.openLane('messages', 'x', '3')).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_LIMIT_STREAMS' }),
    )
    expect(a.session.closed).toBe(false)
  })

  it('that the transport does not open pass its code on', async () => {
    const { a } = await connected()
    a.connection.refusesStreams = new Error('no more streams')
    expect(() => a.session.openLane('messages', 'x', 'y')).toThrow('no more streams')
  })
})

describe('the control stream', () => {
  it('ends the session of a peer that does not read its replies', async () => {
    const { world, a, b } = await connected({ streams: { controlBufferBytesMax: 1_048_576 } })
    world.wire.windowBytes = 10_000
    const text = 'x'.repeat(20_000)
    expect(a.session.controlIsLate).toBe(false)
    // Without a turn of the event loop nothing leaves.
    while (!a.session.controlIsLate) write(a.session, a.session.control, text)
    expect(a.endings).toEqual([])
    for (let count = 0; count < 60; count++) write(a.session, a.session.control, text)
    await until(() => a.endings.length === 1)
    expect(a.endings[0]).toMatchObject({ code: 'ERR_NODOSUM_OVERLOAD' })
    await until(() => b.endings.length === 1)
  })
})

describe('the end of a session', () => {
  it('by close flushes what was written, and tells both sides why', async () => {
    const { a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    await until(() => b.lanes.length === 1)
    write(a.session, lane, 'last words')
    const { session } = a
    await session.close('done')
    await session.close('again')
    expect(a.endings).toMatchObject([{ code: 'ERR_NODOSUM_SHUT_DOWN' }])
    await until(() => b.endings.length === 1)
    expect(b.endings).toMatchObject([{ code: 'ERR_NODOSUM_CONNECTION_LOST' }])
    expect(b.lanes[0]?.closed).toBe(true)
    expect([...a.table.sessions(), ...b.table.sessions()]).toEqual([])
    expect(() => session.openLane('messages', 'x', 'z')).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_SHUT_DOWN' }),
    )
  })

  it('reports every frame that was not acknowledged, by its lane', async () => {
    const { world, a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    write(a.session, lane, 'acknowledged')
    await until(() => b.lanes[0]?.bodies.length === 1)
    await untilLater(world, () => lane.bufferedBytes === 0)
    for (const text of ['one', 'two', 'three']) write(a.session, lane, text)
    a.session.end(new NodosumError('ERR_NODOSUM_CONNECTION_LOST', 'enough'))
    expect(a.unknown).toEqual([{ stream: lane.stream, from: 3, to: 5 }])
    expect([lane.closed, lane.bufferedBytes]).toEqual([true, 0])
    await until(() => b.endings.length === 1)
    expect(b.lanes[0]?.closed).toBe(true)
    expect([a.endings.length, b.endings.length]).toEqual([1, 1])
  })

  it.each([
    ['a control frame with a wrong number', 'control'],
    ['rubbish on a lane', 'lane'],
    ['a frame that is too long', 'long'],
    ['an unknown session frame that must be understood', 'unknown'],
  ])('by %s is a decode failure', async (_what, kind) => {
    const { a, b } = await connected()
    const control = a.connection.streams[0]
    if (kind === 'control') control?.write(Uint8Array.of(4, 0, 0, 0, 0x90, 0, 0, 9))
    else if (kind === 'long') control?.write(Uint8Array.of(255, 255, 255, 255))
    else if (kind === 'unknown') control?.write(Uint8Array.of(4, 0, 0, 0, 0x8f, 0, 0, 3))
    else a.connection.openStream().write(Buffer.from('not a frame at all'))
    await until(() => b.endings.length === 1)
    expect(b.endings[0]).toMatchObject({ code: 'ERR_NODOSUM_DECODE_FAILED' })
    await until(() => a.endings.length === 1)
  })

  it('by a lane on which a frame is missing, repeated or of another stream', async () => {
    for (const [stream, sequence] of [
      [1, 3],
      [1, 1],
      [2, 2],
    ] as const) {
      const { a, b } = await connected()
      const lane = a.connection.openStream()
      lane.write(encodeOpenFrame(1))
      await until(() => b.lanes.length === 1)
      lane.write(Uint8Array.of(4, 0, 0, 0, 0x90, 0, stream, sequence))
      await until(() => b.endings.length === 1)
      expect(b.endings[0]).toMatchObject({ code: 'ERR_NODOSUM_DECODE_FAILED' })
      expect(b.lanes[0]?.bodies).toEqual([])
    }
  })

  it('does not come from unknown frames that may be ignored', async () => {
    const { a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    lane.frame(0x0f, 0, 0)
    a.connection.streams[0]?.write(Uint8Array.of(4, 0, 0, 0, 0x0f, 0, 0, 0))
    write(a.session, lane, 'known')
    await until(() => b.lanes[0]?.bodies.length === 1)
    expect(b.lanes[0]?.bodies).toEqual(['144/3 known'])
    expect([a.endings, b.endings]).toEqual([[], []])
  })

  it('with the table closes all of them and leaves no timer', async () => {
    const { world, a, b } = await connected()
    const c = world.node('c')
    await c.ensure('a')
    await until(() => a.sessions.length === 2)
    await a.close()
    await until(() => b.endings.length === 1 && c.endings.length === 1)
    expect([...a.table.sessions()]).toEqual([])
    expect(world.scheduler.pendingTimers).toBe(0)
    const [near] = [world.connect('a', 'b')]
    await until(() => near.closedWith !== null)
  })
})

describe('the session of a node with itself', () => {
  it('carries frames like any other, and payloads are not shared', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    const near = await a.ensure('a')
    expect(near).toBe(a.table.get(near.peer))
    const lane = near.openLane('messages', 'x', 'y')
    write(near, lane, 'to myself')
    write(near, near.control, 'also to myself')
    await until(() => a.lanes[0]?.bodies.length === 1 && a.control.length === 1)
    expect(a.lanes[0]?.bodies).toEqual(['144/2 to myself'])
    // It is not a session with another node.
    expect([...a.table.sessions()]).toEqual([])
    await a.close()
    await until(() => a.endings.length === 2)
    expect(a.lanes[0]?.closed).toBe(true)
  })

  it('gives payloads that stay as they are, whatever is written after them', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    const near = await a.ensure('a')
    const lane = near.openLane('messages', 'x', 'y')
    await until(() => a.lanes.length === 1)
    const kept: Uint8Array[] = []
    const { receiver } = a.lanes[0]?.lane ?? {}
    if (receiver == null) throw new Error('nobody takes the lane')
    receiver.frame = (_type, _sequence, bytes, start, end) => {
      kept.push(bytes.subarray(start, end))
    }
    const texts = Array.from({ length: 40 }, (_, index) => `${index} `.repeat(3_000))
    for (const text of texts) {
      write(near, lane, text)
      // Long enough for the acknowledgement: the memory that it was written into is used again.
      world.scheduler.runFor(50)
      await settle()
    }
    await until(() => kept.length === texts.length)
    const changed = texts.filter(
      (text, index) => Buffer.from(kept[index] ?? []).toString() !== text,
    )
    expect(changed.map((text) => text.slice(0, 6))).toEqual([])
  })

  it('pushes back like any other', async () => {
    const world = new TestWorld()
    const a = world.node('a', { streams: { laneBufferBytesMax: 65_536 } })
    const near = await a.ensure('a')
    const lane = near.openLane('messages', 'x', 'y')
    await until(() => a.lanes.length === 1)
    a.lanes[0]?.lane.pause()
    let written = 0
    for (let turn = 0; turn < 20; turn++) {
      while (lane.hasRoom(10_000)) {
        write(near, lane, 'x'.repeat(10_000))
        written += 1
      }
      await settle()
    }
    // 256 KiB on the way, 64 KiB in the lane.
    expect(written).toBeLessThan(40)
    a.lanes[0]?.lane.resume()
    await until(() => a.lanes[0]?.bodies.length === written)
  })
})

describe('a peer that is heard', () => {
  it('shows at its first bytes, then once in 100 ms, and not while it is silent', async () => {
    const { world, a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    world.scheduler.runFor(1_000)
    await settle()
    world.scheduler.runFor(100)
    b.heard.length = 0
    for (let count = 0; count < 50; count++) {
      write(a.session, lane, 'word')
      await settle()
    }
    expect(b.heard).toEqual(['a'])
    for (let count = 0; count < 5; count++) {
      world.scheduler.runFor(100)
      write(a.session, lane, 'word')
      await settle()
    }
    expect(b.heard).toEqual(Array(6).fill('a'))
    world.scheduler.runFor(60_000)
    await settle()
    expect(b.heard).toHaveLength(6)
  })
})
