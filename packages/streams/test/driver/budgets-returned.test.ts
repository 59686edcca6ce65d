import { NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { frameHeaderLength, frameType, writeFrameHeader } from '../../src/wire/frame.ts'
import { encodeOpen } from '../../src/wire/open.ts'
import {
  connected,
  type HeardLane,
  type OwnedLane,
  openOwned,
  pass,
  settle,
  type TestNode,
  TestWorld,
  until,
  untilLater,
} from '../nodes.ts'

const quick = { acknowledgeWithinMs: 1 }
/** Larger than a frame, and than what a lane is granted at first. */
const largeBytes = 600_000

const counted = ({ table }: TestNode): [buffered: number, granted: number] => {
  const { buffered, granted } = table.budgets
  return [buffered.bytes, granted.bytes]
}

const isReturned = (...nodes: TestNode[]): boolean =>
  nodes.every((node) => counted(node).every((bytes) => bytes === 0))

function fill({ lane }: OwnedLane, bytes: number, count: number): void {
  for (let sent = 0; sent < count; sent++) {
    if (!lane.hasRoom(bytes)) return
    const at = lane.frame(0x90, 0, bytes)
    lane.buffer.fill(1, at, at + bytes)
  }
}

async function heard({ lanes }: TestNode, number = 0): Promise<HeardLane> {
  await until(() => lanes.length > number)
  return lanes[number] as HeardLane
}

describe('what the budgets count comes back', () => {
  it('when idle lanes are closed, while the session goes on', async () => {
    const { world, a, b } = await connected({ streams: { ...quick, laneIdleMs: 1_000 } })
    for (const name of ['one', 'two', 'three']) fill(openOwned(a.session, name), 20_000, 5)
    await heard(b, 2)
    await untilLater(world, () => b.lanes.every(({ bodies }) => bodies.length === 5))
    expect(counted(b)[1]).toBe(3 * 131_072)
    await pass(world, 2_000)
    expect([a.session.lanes, b.session.lanes]).toEqual([0, 0])
    expect([counted(a), counted(b)]).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect([a.session.closed, b.session.closed]).toEqual([false, false])
  })

  it('when lanes are refused, at both ends, although much had been sent on them', async () => {
    const { world, a, b } = await connected({ streams: quick })
    b.takesLanes = false
    const refused = ['one', 'two', 'three'].map((name) => openOwned(a.session, name))
    for (const one of refused) fill(one, 20_000, 20)
    expect(counted(a)[0]).toBeGreaterThan(1_000_000)
    await untilLater(world, () => refused.every(({ closings }) => closings.length === 1))
    await untilLater(world, () => isReturned(a, b))
    expect([a.session.closed, b.session.closed]).toEqual([false, false])
  })

  it('when a lane is refused for the limit of its application, and others go on', async () => {
    const world = new TestWorld()
    const a = world.node('a', { streams: { ...quick, lanesPerApplicationMax: 10 } })
    const b = world.node('b', { streams: { ...quick, lanesPerApplicationMax: 1 } })
    await a.ensure('b')
    await until(() => b.sessions.length === 1)
    const [taken, refused] = [openOwned(a.session, 'taken'), openOwned(a.session, 'refused')]
    fill(taken, 20_000, 5)
    fill(refused, largeBytes, 2)
    await untilLater(world, () => refused.closings.length === 1)
    await untilLater(world, () => b.lanes[0]?.bodies.length === 5)
    await untilLater(world, () => counted(a)[0] + (counted(b)[0] ?? 0) === 0)
    expect([counted(a), counted(b)]).toEqual([
      [0, 0],
      [0, 131_072],
    ])
  })

  it('when the receiver of a lane has gone, with half a message and a full window', async () => {
    const { world, a, b } = await connected({ streams: { ...quick, leakAfterMs: 1_000 } })
    const [half, full] = [openOwned(a.session, 'half'), openOwned(a.session, 'full')]
    world.wire.windowBytes = 65_536
    fill(half, largeBytes, 1)
    fill(full, 20_000, 40)
    const paused = await heard(b, 1)
    paused.lane.pause()
    await until(() => counted(b)[1] > largeBytes)
    for (const { lane } of b.lanes) lane.receiver = null
    await untilLater(world, () =>
      [half, full].every(({ closings }) => closings[0]?.code === 'ERR_NODOSUM_NO_HANDLER'),
    )
    await untilLater(world, () => isReturned(a, b))
    expect([a.session.closed, b.session.closed]).toEqual([false, false])
  })

  it('when lanes whose owner has gone are reaped', async () => {
    const { world, a, b } = await connected({ streams: { ...quick, leakAfterMs: 1_000 } })
    const leaked = openOwned(a.session, 'leaked')
    fill(leaked, 20_000, 10)
    await heard(b)
    leaked.lane.owner = null
    await pass(world, 2_000)
    expect(a.table.reaped.lanes).toBe(1)
    await untilLater(world, () => isReturned(a, b))
  })

  it.each([
    ['at the end that sends', 'a'],
    ['at the end that receives', 'b'],
  ] as const)('when the session is ended %s in the middle of everything', async (_, side) => {
    const { a, b } = await connected()
    const lanes = ['half', 'full', 'waits'].map((name) => openOwned(a.session, name))
    for (const one of lanes) fill(one, largeBytes, 4)
    const paused = await heard(b, 2)
    paused.lane.pause()
    await until(() => counted(b)[1] > 3 * 131_072)
    expect(counted(a)[0]).toBeGreaterThan(largeBytes)
    const node = side === 'a' ? a : b
    node.session.end(new NodosumError('ERR_NODOSUM_OVERLOAD', 'enough'))
    await until(() => a.session.closed && b.session.closed)
    expect([counted(a), counted(b)]).toEqual([
      [0, 0],
      [0, 0],
    ])
  })

  it('when a session ends because no connection came up in time', async () => {
    const { world, a, b } = await connected({ streams: { ...quick, detachedMaxMs: 60_000 } })
    fill(openOwned(a.session, 'y'), largeBytes, 3)
    const { lane } = await heard(b)
    lane.pause()
    a.dialFails = new Error('nobody answers')
    b.dialFails = a.dialFails
    a.connection.cut()
    await pass(world, 1_000)
    expect(counted(a)[0]).toBeGreaterThan(0)
    expect(counted(b)[1]).toBeGreaterThan(0)
    await pass(world, 70_000)
    expect([a.session.closed, b.session.closed]).toEqual([true, true])
    expect([counted(a), counted(b)]).toEqual([
      [0, 0],
      [0, 0],
    ])
  })

  it('when the session of a node with itself ends', async () => {
    const { a, b } = await connected()
    const near = await a.ensure('a')
    fill(openOwned(near, 'y'), largeBytes, 3)
    await until(() => counted(a).every((bytes) => bytes > 0))
    near.end(new NodosumError('ERR_NODOSUM_OVERLOAD', 'enough'))
    await until(() => isReturned(a))
    expect(b.session.closed).toBe(false)
  })

  it('when a peer uses the number of a lane again, which ends the session', async () => {
    const { world, a, b } = await connected({ streams: { ...quick, laneIdleMs: 1_000 } })
    const { lane } = openOwned(a.session, 'y')
    await heard(b)
    await pass(world, 2_000)
    expect([lane.closed, b.lanes[0]?.ended]).toEqual([true, true])
    const open = { stream: lane.stream, kind: 'messages', application: 'x' } as const
    const body = encodeOpen({ ...open, name: 'y', laneClass: 'interactive' })
    const bytes = new Uint8Array(frameHeaderLength(open.stream, 1) + body.length)
    bytes.set(body, writeFrameHeader(bytes, 0, frameType.open, 0, open.stream, 1, body.length))
    a.connection.openStream().write(bytes)
    await until(() => b.session.closed)
    expect(b.endings[0]?.message).toContain(`lane ${lane.stream} was opened before`)
    await settle()
    expect(counted(b)).toEqual([0, 0])
  })
})

describe('a lane that is closed', () => {
  it('has no room, and takes nothing from the budgets when it is asked', async () => {
    const { world, a, b } = await connected({ streams: quick })
    b.takesLanes = false
    const { lane, closings } = openOwned(a.session, 'y')
    await untilLater(world, () => closings.length === 1)
    await untilLater(world, () => isReturned(a, b))
    expect(lane.hasRoom(1_000)).toBe(false)
    expect(counted(a)).toEqual([0, 0])
  })
})
