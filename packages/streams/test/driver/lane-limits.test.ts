import { describe, expect, it } from 'vitest'
import { connected, openOwned, settle, TestWorld, until, untilLater, write } from '../nodes.ts'

describe('the limit of lanes of one application', () => {
  it('refuses one more where it is opened, and other applications go on', async () => {
    const { a, b } = await connected({ streams: { lanesPerApplicationMax: 2 } })
    a.session.openLane('messages', 'x', '1')
    a.session.openLane('requests', 'x', 'requests')
    expect(() => a.session.openLane('messages', 'x', '3')).toThrow(
      expect.objectContaining({
        code: 'ERR_NODOSUM_LIMIT_STREAMS',
        message: expect.stringContaining('lanesPerApplicationMax'),
      }),
    )
    write(a.session, a.session.openLane('messages', 'other', '1'), 'goes on')
    await until(() => b.lanes.some(({ bodies }) => bodies.length === 1))
    expect(a.session.closed).toBe(false)
  })

  it('holds against a peer that does not keep to it: it loses those lanes and nothing else', async () => {
    const world = new TestWorld()
    const a = world.node('a', { streams: { lanesPerApplicationMax: 1_000 } })
    const b = world.node('b', { streams: { lanesPerApplicationMax: 3 } })
    await a.ensure('b')
    await until(() => b.sessions.length === 1)
    const all = Array.from({ length: 40 }, (_, number) => openOwned(a.session, `${number}`))
    const other = openOwned(a.session, 'quiet', 'other')
    for (const { lane } of [...all, other]) {
      write(a.session, lane, 'one')
      write(a.session, lane, 'two')
    }
    const refused = all.slice(3)
    await until(() => refused.every(({ closings }) => closings.length === 1))
    const code = 'ERR_NODOSUM_LIMIT_STREAMS'
    for (const { lane, closings } of refused) {
      expect(closings).toEqual([{ code, isUntouched: true }])
      expect([lane.closed, lane.bufferedBytes]).toEqual([true, 0])
    }
    for (const { lane } of [...all.slice(0, 3), other]) write(a.session, lane, 'three')
    write(a.session, a.session.control, 'control')
    await until(() => b.lanes.every(({ bodies }) => bodies.length === 3) && b.control.length === 1)
    expect(b.lanes.map(({ lane }) => lane.name)).toEqual(['0', '1', '2', 'quiet'])
    expect([a.endings, b.endings]).toEqual([[], []])
    expect(b.session.snapshot(0).lanesRefused).toBe(37)
    expect(a.session.snapshot(0).lanesRefusedByPeer).toBe(37)
    expect(a.session.snapshot(1_000).lanes.find(({ name }) => name === '39')).toMatchObject({
      state: 'closed',
      refusedWith: code,
    })
    await untilLater(world, () => a.session.bufferedBytes === 0)
  })

  it('is told once, also when the connection breaks before it has come', async () => {
    const world = new TestWorld()
    const a = world.node('a', { streams: { lanesPerApplicationMax: 10 } })
    const b = world.node('b', { streams: { lanesPerApplicationMax: 1 } })
    await a.ensure('b')
    await until(() => b.sessions.length === 1)
    await settle()
    const taken = openOwned(a.session, 'taken')
    const refused = openOwned(a.session, 'refused')
    for (const { lane } of [taken, refused]) write(a.session, lane, 'one')
    // What b says is lost, again and again.
    for (let round = 0; round < 3; round++) {
      await until(() => b.session.snapshot(0).lanesRefused === 1)
      a.connection.cut()
      await untilLater(world, () => a.session.carriage !== null)
    }
    await untilLater(world, () => refused.closings.length === 1)
    expect(refused.closings).toEqual([{ code: 'ERR_NODOSUM_LIMIT_STREAMS', isUntouched: true }])
    expect(b.session.snapshot(0).lanesRefused).toBe(1)
    expect(b.lanes.map(({ bodies }) => bodies)).toEqual([['144/2 one']])
    expect([a.endings, b.endings]).toEqual([[], []])
  })
})

describe('a lane', () => {
  it('that nobody listens to is refused with a code, and the session goes on', async () => {
    const { a, b } = await connected()
    b.takesLanes = false
    const { lane, closings } = openOwned(a.session, 'y')
    write(a.session, lane, 'for nobody')
    await until(() => closings.length === 1)
    expect(closings).toEqual([{ code: 'ERR_NODOSUM_NO_HANDLER', isUntouched: true }])
    b.takesLanes = true
    write(a.session, openOwned(a.session, 'y').lane, 'for somebody')
    await until(() => b.lanes[0]?.bodies.length === 1)
    expect(a.endings).toEqual([])
  })
})
