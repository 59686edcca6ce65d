import { describe, expect, it } from 'vitest'
import { connected, settle, until } from '../nodes.ts'

const messageBytes = 20_000

describe('the budgets of a node', () => {
  it('bound what its lanes keep while readers stand still, and come back when all has arrived', async () => {
    const streams = { nodeBufferBytesMax: 1_048_576, nodeWindowBytes: 1_048_576 }
    const { a, b } = await connected({ streams })
    const lanes = ['one', 'two', 'three'].map((name) =>
      a.session.openLane('messages', 'x', name, 'bulk'),
    )
    await until(() => b.lanes.length === lanes.length)
    for (const { lane } of b.lanes) lane.pause()
    let written = 0
    for (const lane of lanes) {
      for (let turn = 0; turn < 20; turn++) {
        while (lane.hasRoom(messageBytes)) {
          const at = lane.frame(0x90, 0, messageBytes)
          lane.buffer.fill(1, at, at + messageBytes)
          written += 1
        }
        await settle()
      }
    }
    const { buffered } = a.table.budgets
    expect(buffered.bytes).toBeGreaterThanOrEqual(a.session.bufferedBytes)
    expect(buffered.bytes).toBeGreaterThan(1_000_000)
    expect(buffered.bytes).toBeLessThanOrEqual(1_048_576 + 3 * 65_536)
    expect(buffered.refused).toBeGreaterThan(0)
    const { granted } = b.table.budgets
    expect(granted.bytes).toBeLessThanOrEqual(1_048_576 + 3 * 131_072)
    expect(b.session.heldBytes).toBeLessThanOrEqual(granted.bytes)

    for (const { lane } of b.lanes) lane.resume()
    const received = (): number => b.lanes.reduce((sum, { bodies }) => sum + bodies.length, 0)
    await until(() => received() === written)
    await until(() => {
      a.session.flush()
      b.session.flush()
      return lanes.every((lane) => lane.waitingBytes === 0)
    })
    await a.close()
    await b.close()
    for (const { table } of [a, b]) {
      expect(table.budgets.buffered.bytes).toBe(0)
      expect(table.budgets.granted.bytes).toBe(0)
    }
  })

  it('are those of the session first', async () => {
    const { a, b } = await connected({ streams: { sessionBufferBytesMax: 1_048_576 } })
    const lane = a.session.openLane('messages', 'x', 'y')
    await until(() => b.lanes.length === 1)
    b.lanes[0]?.lane.pause()
    while (lane.hasRoom(messageBytes)) lane.frame(0x90, 0, messageBytes)
    const { buffered } = a.session.budgets
    expect(buffered.bytesMax).toBe(1_048_576)
    expect(buffered.bytes).toBeGreaterThan(1_000_000)
    expect(buffered.bytes).toBeLessThanOrEqual(1_048_576)
    expect(a.table.budgets.buffered.refused).toBe(0)
    await a.close()
    await b.close()
  })

  it('say the class of a lane to its receiver', async () => {
    const { a, b } = await connected()
    for (const laneClass of ['scheduled', 'bulk', 'interactive'] as const) {
      a.session.openLane('messages', 'x', laneClass, laneClass)
    }
    await until(() => b.lanes.length === 3)
    for (const { lane } of b.lanes) expect(lane.laneClass).toBe(lane.name)
    await a.close()
    await b.close()
  })
})
