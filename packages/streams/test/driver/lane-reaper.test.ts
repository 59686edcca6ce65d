import { describe, expect, it } from 'vitest'
import { connected, openOwned, pass, settle, write } from '../nodes.ts'

const options = { streams: { laneIdleMs: 60_000, leakAfterMs: 1_000, acknowledgeWithinMs: 1 } }

describe('what nobody uses any more', () => {
  it('is left alone as long as it has an owner', async () => {
    const { world, a, b } = await connected(options)
    const { lane } = openOwned(a.session, 'y')
    write(a.session, lane, 'one')
    await pass(world, 5_000)
    expect(lane.closed).toBe(false)
    for (const node of [a, b]) {
      expect(node.table.reaped).toEqual({ lanes: 0, byteStreams: 0, sessions: 0 })
      expect(node.logged).toEqual([])
    }
  })

  it('a lane that its owner has let go: closed, counted, and logged with its name', async () => {
    const { world, a, b } = await connected(options)
    const leaked = openOwned(a.session, 'leaked')
    const kept = openOwned(a.session, 'kept')
    for (const { lane } of [leaked, kept]) write(a.session, lane, 'one')
    leaked.lane.owner = null
    await pass(world, 900)
    expect(leaked.lane.closed).toBe(false)
    await pass(world, 600)
    expect([leaked.lane.closed, kept.lane.closed]).toEqual([true, false])
    expect(b.lanes.map(({ ended }) => ended)).toEqual([true, false])
    expect(a.table.reaped).toEqual({ lanes: 1, byteStreams: 0, sessions: 0 })
    expect(a.logged).toMatchObject([
      { event: 'streams.reaped', peer_id: 'b', kind: 'lane', name: 'x/leaked' },
    ])
    expect(a.session.snapshot(0)).toMatchObject({ lanesReaped: 1, lanesOpen: 1 })
  })

  it('a lane whose receiver has gone: refused, so that its sender hears of it', async () => {
    const { world, a, b } = await connected(options)
    const { lane, closings } = openOwned(a.session, 'y')
    write(a.session, lane, 'one')
    await pass(world, 100)
    const [heard] = b.lanes
    if (heard === undefined) throw new Error('the lane did not arrive')
    heard.lane.receiver = null
    await pass(world, 400)
    expect(closings).toEqual([{ code: 'ERR_NODOSUM_NO_HANDLER', isUntouched: false }])
    expect([lane.closed, a.session.lanes, b.session.lanes]).toEqual([true, 0, 0])
    expect(b.table.reaped.lanes).toBe(1)
    expect(b.logged).toMatchObject([{ event: 'streams.reaped', name: 'x/y' }])
    // Both ends are done with the byte stream.
    expect(b.connection.streams.map(({ isDead }) => isDead)).toEqual([false, true])
    expect([a.endings, b.endings]).toEqual([[], []])
  })

  it('messages for a receiver that has gone are refused at once, and never vanish', async () => {
    const { world, a, b } = await connected(options)
    const { lane, closings } = openOwned(a.session, 'y')
    write(a.session, lane, 'one')
    await settle()
    const [heard] = b.lanes
    if (heard === undefined) throw new Error('the lane did not arrive')
    heard.lane.receiver = null
    write(a.session, lane, 'two')
    write(a.session, lane, 'three')
    await settle()
    expect(closings).toEqual([{ code: 'ERR_NODOSUM_NO_HANDLER', isUntouched: false }])
    expect(heard.bodies).toEqual(['144/2 one'])
    await pass(world, 500)
    expect([a.endings, b.endings]).toEqual([[], []])
  })

  it('a byte stream on which no lane begins', async () => {
    const { world, a, b } = await connected(options)
    const bytes = a.connection.openStream()
    bytes.write(Uint8Array.of(9, 0, 0))
    let resetWith: number | null = null
    bytes.onReset = (code) => {
      resetWith = code
    }
    await pass(world, 900)
    expect(resetWith).toBeNull()
    await pass(world, 600)
    expect(resetWith).toBe(0x4841_4c46)
    expect(b.table.reaped).toEqual({ lanes: 0, byteStreams: 1, sessions: 0 })
    expect(b.logged).toMatchObject([{ event: 'streams.reaped', kind: 'byte stream' }])
    expect(b.endings).toEqual([])
  })

  it('a session that nobody handles: ended, and both ends know why', async () => {
    const { world, a, b } = await connected(options)
    a.session.handler = null
    await pass(world, 900)
    expect(a.session.closed).toBe(false)
    await pass(world, 600)
    expect(a.session.closed).toBe(true)
    expect(a.table.reaped).toEqual({ lanes: 0, byteStreams: 0, sessions: 1 })
    expect(a.logged).toMatchObject([{ event: 'streams.reaped', kind: 'session', peer_id: 'b' }])
    await settle()
    expect(b.endings[0]?.message).toContain('ERR_NODOSUM_NO_HANDLER')
    expect(a.table.snapshots()).toEqual([])
  })
})
