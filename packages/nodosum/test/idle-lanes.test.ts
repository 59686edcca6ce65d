import { describe, expect, it, vi } from 'vitest'
import type { Node, Streams } from '../src/index.ts'
import { scratch, seeEachOther, startNode, until } from './start-nodes.ts'

// Each waits for conditions, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const laneIdleMs = 200

type LaneView = Streams['sessions'][number]['lanes'][number]

function laneOf(node: Node, direction: 'in' | 'out'): LaneView | undefined {
  const lanes = node.streams().sessions.flatMap((session) => session.lanes)
  return lanes.find((lane) => lane.application === 'work' && lane.direction === direction)
}

async function pair(transport: 'quic' | 'h2'): Promise<[a: Node, b: Node]> {
  const developmentDirectory = scratch()
  const start = (nodeId: string): Promise<Node> =>
    startNode({
      nodeId,
      profile: 'development',
      developmentDirectory,
      transport,
      layers: { streams: { laneIdleMs } },
    })
  const nodes = [await start('a'), await start('b')] as [Node, Node]
  await seeEachOther(nodes)
  return nodes
}

describe.each(['quic', 'h2'] as const)('an idle lane over %s', (transport) => {
  it('closes with its byte stream and opens again: nothing is lost, repeated or out of order', async () => {
    const [a, b] = await pair(transport)
    const seen: unknown[] = []
    const ids = new Set<string>()
    b.application('work').onMessage((payload, { messageId }) => {
      seen.push(payload)
      ids.add(messageId)
    })
    await until(() => a.application('work').nodes().includes('b'))
    const states = new Set<string>()
    const expected: number[] = []
    for (let round = 0; round < 4; round++) {
      for (let number = 0; number < 50; number++) {
        expected.push(expected.length)
        await a.application('work').send('b', expected.length - 1, {
          ...(number === 49 && { confirm: round % 2 === 0 ? 'handled' : 'received' }),
        })
      }
      await until(() => {
        const lane = laneOf(a, 'out')
        if (lane !== undefined) states.add(lane.state)
        return lane?.state === 'closed'
      })
      await until(() => laneOf(b, 'in')?.state === 'closed')
      // The control stream is all that stays open, at both ends.
      const streams = (): number[] =>
        [a, b].flatMap((node) =>
          node.metrics().connections.connections.map(({ stats }) => stats.streams),
        )
      await until(() => streams().every((count) => count <= 1 + otherLanes(a)))
    }
    expect(seen).toEqual(expected)
    expect(ids.size).toBe(expected.length)
    expect(states).toContain('idle')
    expect(a.metrics().applications.work).toMatchObject({
      accepted: 200,
      delivered: 200,
      unknown: 0,
      inFlight: 0,
    })
    const [session] = a.streams().sessions
    expect(session?.lanesClosedIdle).toBeGreaterThanOrEqual(4)
    expect(a.streams().reaped).toEqual({ lanes: 0, byteStreams: 0, sessions: 0 })
    const lane = laneOf(a, 'out')
    expect(lane).toMatchObject({ messages: 50, bufferedBytes: 0, refusedWith: null })
    expect(lane?.bytes).toBe(laneOf(b, 'in')?.bytes)
  })
})

/** Lanes of the node's own that happen to be open. */
function otherLanes(node: Node): number {
  return node.streams().sessions.reduce((sum, { lanesOpen }) => sum + lanesOpen, 0)
}
