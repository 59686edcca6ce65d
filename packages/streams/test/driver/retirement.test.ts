import { describe, expect, it } from 'vitest'
import { settle, type TestNode, TestWorld, until, write } from '../nodes.ts'

async function connected(): Promise<{ world: TestWorld; a: TestNode; b: TestNode }> {
  const world = new TestWorld()
  const [a, b] = [world.node('a'), world.node('b')]
  await a.ensure('b')
  await until(() => b.sessions.length === 1)
  return { world, a, b }
}

describe('a session that nobody needs', () => {
  it('ends in order when neither end has anything under way', async () => {
    const { a, b } = await connected()
    expect(await a.session.retire()).toBe(true)
    await until(() => b.endings.length === 1)
    expect([a.session.closed, b.session.closed]).toEqual([true, true])
  })

  it('stays when this end has something under way: the peer is not even asked', async () => {
    const { a, b } = await connected()
    a.isIdle = false
    expect(await a.session.retire()).toBe(false)
    await settle()
    expect([a.session.available, b.session.available]).toEqual([true, true])
  })

  it('stays when the peer has something under way, and goes on as before', async () => {
    const { a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    write(a.session, lane, 'before')
    await until(() => b.lanes[0]?.bodies.length === 1)
    b.isIdle = false
    const retired = a.session.retire()
    expect([lane.closed, a.session.available, a.table.get(a.session.peer)]).toEqual([
      true,
      false,
      null,
    ])
    expect(await retired).toBe(false)
    expect([lane.closed, a.session.available]).toEqual([false, true])
    write(a.session, lane, 'after')
    await until(() => b.lanes[0]?.bodies.length === 2)
  })

  it('is not given to anybody while it is in question, and given again when it stays', async () => {
    const { a, b } = await connected()
    b.isIdle = false
    const retired = a.session.retire()
    expect(() => a.session.openLane('messages', 'x', 'y')).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_NOT_CONNECTED' }),
    )
    const session = await a.ensure('b')
    expect(await retired).toBe(false)
    expect([session === a.session, a.dials]).toEqual([true, 1])
  })

  it('is followed by another one when somebody asks while it ends, at either end', async () => {
    for (const asking of ['a', 'b'] as const) {
      const { a, b, world } = await connected()
      const [old, oldOfB] = [a.session, b.session]
      const retired = old.retire()
      if (asking === 'b') await until(() => !oldOfB.available)
      const next = await (asking === 'a' ? a.ensure('b') : b.ensure('a'))
      expect(await retired).toBe(true)
      expect([next === old, next === oldOfB, next.closed]).toEqual([false, false, false])
      await until(() => a.sessions.length === 2 && b.sessions.length === 2)
      expect(world.nodes.get(asking)?.endings.length).toBe(1)
    }
  })

  it('ends also when both ask at once: the question of the end that dialed counts', async () => {
    const { a, b } = await connected()
    const [one, two] = await Promise.all([a.session.retire(), b.session.retire()])
    expect([one, two]).toEqual([true, false])
    await settle()
    expect([a.endings.length, b.endings.length]).toEqual([1, 1])
  })

  it('stays at both ends when both ask at once and one of the two has something under way', async () => {
    for (const busy of ['a', 'b'] as const) {
      const { a, b } = await connected()
      const asked = [a.session.retire(), b.session.retire()]
      ;(busy === 'a' ? a : b).isIdle = false
      expect(await Promise.all(asked)).toEqual([false, false])
      await settle()
      expect([a.session.available, b.session.available]).toEqual([true, true])
      // And neither takes an answer for the other's: they can be asked again.
      a.isIdle = true
      b.isIdle = true
      expect(await b.session.retire()).toBe(true)
      expect([a.endings.length, b.endings.length]).toEqual([1, 1])
    }
  })

  it('ends at a second question before the first has been settled', async () => {
    const { a, b } = await connected()
    b.isIdle = false
    for (let question = 0; question < 2; question++) {
      const at = a.session.control.frame(0x86, 0, 1)
      a.session.control.buffer[at] = 100
    }
    await until(() => b.endings.length === 1)
    expect(b.endings[0]).toMatchObject({ code: 'ERR_NODOSUM_DECODE_FAILED' })
  })

  it('leaves nobody waiting when its connection is lost meanwhile', async () => {
    const { world, a, b } = await connected()
    const retired = a.session.retire()
    const waiting = a.ensure('b')
    world.connections[0]?.cut()
    expect(await retired).toBe(true)
    const next = await waiting
    expect([next.closed, next === a.session]).toEqual([false, true])
    await until(() => b.sessions.length === 2)
  })

  it('ends at an answer that nobody has asked for', async () => {
    const { a, b } = await connected()
    b.session.control.frame(0x87, 0, 0)
    await until(() => a.endings.length === 1)
    expect(a.endings[0]).toMatchObject({ code: 'ERR_NODOSUM_DECODE_FAILED' })
  })
})

describe('a session that moves to another connection', () => {
  it('is followed by one over it, with nothing lost, when neither end has anything under way', async () => {
    const { world, a, b } = await connected()
    const old = a.session
    const moved = a.table.moveTo(old, world.connect('b', 'a'), { force: false })
    // Whoever wants to send waits for the next session.
    const next = a.ensure('b')
    expect(await moved).toBe(true)
    expect([await next, old.closed, a.session.attachment, a.dials]).toEqual([a.session, true, 2, 1])
    await until(() => b.sessions.length === 2)
    expect(a.table.get(old.peer)).toBe(a.session)
  })

  it('waits until what is under way has ended, at both ends', async () => {
    const { world, a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    const laneOfB = b.session.openLane('messages', 'x', 'y')
    await settle()
    a.isIdle = false
    b.isIdle = false
    const old = a.session
    const moved = a.table.moveTo(old, world.connect('b', 'a'), { force: false })
    // New frames wait, at the other end once it knows.
    expect([lane.closed, a.table.get(old.peer), b.session.available]).toEqual([true, null, true])
    world.scheduler.runFor(200)
    a.isIdle = true
    world.scheduler.runFor(10)
    await until(() => !b.session.available)
    expect(laneOfB.closed).toBe(true)
    world.scheduler.runFor(200)
    await settle()
    expect(a.sessions).toHaveLength(1)
    b.isIdle = true
    world.scheduler.runFor(10)
    expect(await moved).toBe(true)
    expect([old.closed, a.session.attachment]).toEqual([true, 2])
  })

  it('stays when this end does not come to rest in time', async () => {
    const { world, a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    a.isIdle = false
    const spare = world.connect('b', 'a')
    const moved = a.table.moveTo(a.session, spare, { force: false })
    world.scheduler.runFor(250)
    expect(await moved).toBe(false)
    await settle()
    expect([lane.closed, a.session.available, b.session.available]).toEqual([false, true, true])
    expect([a.sessions.length, spare.closedWith]).toEqual([1, null])
  })

  it('stays when the peer does not come to rest in time', async () => {
    const { world, a, b } = await connected()
    b.isIdle = false
    const moved = a.table.moveTo(a.session, world.connect('b', 'a'), { force: false })
    await until(() => !b.session.available)
    world.scheduler.runFor(250)
    expect(await moved).toBe(false)
    expect([a.session.available, b.session.available, a.sessions.length]).toEqual([true, true, 1])
  })

  it('stays when something that the peer had sent before is handled for too long', async () => {
    const { world, a, b } = await connected()
    const moved = a.table.moveTo(a.session, world.connect('b', 'a'), { force: false })
    a.isIdle = false
    await until(() => !b.session.available)
    await settle()
    world.scheduler.runFor(250)
    expect(await moved).toBe(false)
    await until(() => b.session.available)
    expect([a.session.available, a.sessions.length]).toEqual([true, 1])
  })

  it('moves in use when it is forced: both ends say how the old one ended', async () => {
    const { world, a, b } = await connected()
    a.isIdle = false
    b.isIdle = false
    expect(await a.table.moveTo(a.session, world.connect('b', 'a'), { force: true })).toBe(true)
    await until(() => b.sessions.length === 2)
    expect([a.endings[0]?.code, b.endings[0]?.code]).toEqual([
      'ERR_NODOSUM_CONNECTION_LOST',
      'ERR_NODOSUM_CONNECTION_LOST',
    ])
    expect([a.session.closed, b.session.closed]).toEqual([false, false])
  })

  it('leaves one session when both ends move at once, the same at both', async () => {
    const { world, a, b } = await connected()
    await Promise.all([
      a.table.moveTo(a.session, world.connect('b', 'a'), { force: true }),
      b.table.moveTo(b.session, world.connect('a', 'b'), { force: true }),
    ])
    await settle()
    const [ofA, ofB] = [await a.ensure('b'), await b.ensure('a')]
    expect([ofA.attachment, ofA.dialer]).toEqual([2, 'a'])
    expect([ofB.attachment, ofB.dialer]).toEqual([2, 'a'])
    // Neither was open in between over the connection that lost.
    expect([a.sessions.length, b.sessions.length]).toEqual([2, 2])
  })

  it('stays where the peer has moved it to while this end waited to move it, too', async () => {
    const { world, a, b } = await connected()
    const first = b.session
    b.isIdle = false
    const spare = world.connect('a', 'b')
    const moved = b.table.moveTo(first, spare, { force: false })
    expect(await a.table.moveTo(a.session, world.connect('b', 'a'), { force: true })).toBe(true)
    await until(() => b.sessions.length === 2)
    world.scheduler.runFor(10)
    expect(await moved).toBe(false)
    await settle()
    expect([a.session.closed, b.session.closed, spare.closedWith]).toEqual([false, false, null])
    expect([a.sessions.length, b.sessions.length]).toEqual([2, 2])
  })

  it('loses nothing when both ends move it at once, whoever is at rest first', async () => {
    for (const slow of ['a', 'b'] as const) {
      const { world, a, b } = await connected()
      const late = slow === 'a' ? a : b
      late.isIdle = false
      const spares = [world.connect('b', 'a'), world.connect('a', 'b')] as const
      const moves = [
        a.table.moveTo(a.session, spares[0], { force: false }),
        b.table.moveTo(b.session, spares[1], { force: false }),
      ]
      await settle()
      late.isIdle = true
      world.scheduler.runFor(10)
      const isMoved = await Promise.all(moves)
      expect([...isMoved].sort()).toEqual([false, true])
      await settle()
      expect([a.sessions.length, b.sessions.length]).toEqual([2, 2])
      expect([a.session.available, b.session.available]).toEqual([true, true])
      expect(a.session.attachment).toBe(2)
      const ends = [...a.endings, ...b.endings].map(({ code }) => code)
      expect(ends).toEqual(['ERR_NODOSUM_CONNECTION_LOST', 'ERR_NODOSUM_CONNECTION_LOST'])
    }
  })

  it('is what an end may ask for that has not dialed', async () => {
    const { a, b } = await connected()
    let asked = 0
    a.session.onRenewal = () => {
      asked += 1
    }
    b.session.askForRenewal()
    await until(() => asked === 1)
    a.session.askForRenewal()
    await settle()
    expect([a.session.available, b.session.available]).toEqual([true, true])
  })

  it('ends when the other connection fails, so that the next one can be opened', async () => {
    const { world, a, b } = await connected()
    // Nobody answers its HELLO.
    world.holds = true
    const spare = world.connect('b', 'a')
    const moved = a.table.moveTo(a.session, spare, { force: false })
    await until(() => spare.streams.length === 1)
    spare.cut()
    world.holds = false
    expect(await moved).toBe(false)
    expect(a.session.closed).toBe(true)
    const next = await a.ensure('b')
    expect(next.closed).toBe(false)
    await until(() => b.sessions.length === 2)
  })

  it('is not moved when it is over', async () => {
    const { world, a } = await connected()
    const old = a.session
    await old.close()
    expect(await a.table.moveTo(old, world.connect('b', 'a'), { force: true })).toBe(false)
  })
})
