import { describe, expect, it, vi } from 'vitest'
import type { Node, Streams } from '../src/index.ts'
import { scratch, seeEachOther, startNode, until } from './start-nodes.ts'

// Each waits for conditions, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 })

type LaneView = Streams['sessions'][number]['lanes'][number]

function lanesOf(node: Node, direction: 'in' | 'out'): Map<string, LaneView> {
  const lanes = node.streams().sessions.flatMap((session) => session.lanes)
  const mine = lanes.filter((lane) => lane.application === 'work' && lane.direction === direction)
  return new Map(mine.map((lane) => [lane.name, lane]))
}

async function pair(transport: 'quic' | 'h2'): Promise<[a: Node, b: Node]> {
  const developmentDirectory = scratch()
  const start = (nodeId: string): Promise<Node> =>
    startNode({ nodeId, profile: 'development', developmentDirectory, transport })
  const nodes = [await start('a'), await start('b')] as [Node, Node]
  await seeEachOther(nodes)
  return nodes
}

describe.each(['quic', 'h2'] as const)('lanes of classes over %s', (transport) => {
  it('show their class and what they keep while a reader stands still, and give it back', async () => {
    const [a, b] = await pair(transport)
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    let handled = 0
    b.application('work')
      .onMessage(async () => {
        await released
        handled += 1
      })
      .onRequest((payload) => payload)
    await until(() => a.application('work').nodes().includes('b'))
    const work = a.application('work')
    await work.request('b', 'connects them')
    const kept = (): number => {
      const lanes = [...lanesOf(a, 'out').values()]
      return lanes.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0)
    }
    const classes = { copies: 'bulk', reports: 'scheduled', default: 'interactive' } as const
    const payload = new Uint8Array(60_000)
    let accepted = 0
    for (const [name, laneClass] of Object.entries(classes)) {
      const lane = name === 'default' ? work : work.lane(name, { class: laneClass })
      for (let sent = 0; sent < 20; sent++) {
        if (lane.trySend('b', payload) === 'accepted') accepted += 1
      }
    }
    expect(accepted).toBe(60)
    expect(kept()).toBeGreaterThan(accepted * payload.length)
    expect(a.metrics().bytes.buffered.bytes).toBeGreaterThanOrEqual(kept())
    await until(() => lanesOf(b, 'in').size === 4)
    for (const [name, laneClass] of Object.entries(classes)) {
      expect(lanesOf(a, 'out').get(name)).toMatchObject({ laneClass })
      expect(lanesOf(b, 'in').get(name)).toMatchObject({ laneClass, bufferedBytes: 0 })
    }
    await expect(work.request('b', 'past all that')).resolves.toBe('past all that')
    release()
    await until(() => handled === accepted)
    await until(() => kept() === 0 && a.metrics().bytes.buffered.bytes === 0)
    await b.close()
    await until(() => a.metrics().bytes.granted.bytes === 0)
  })
})
