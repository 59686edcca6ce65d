import { settle } from '@nodosum/testkit'
import { describe, expect, it } from 'vitest'
import { simulatedPair } from './simulated-pair.ts'

const seeds = 40
const breaksPerRun = 8

interface Pace {
  /** Longest pause of a sender. */
  readonly pauseMaxMs: number
  readonly laneIdleMs: number
}

/** Both ends send while the path breaks under their connections again and again. */
async function run(
  seed: string,
  { pauseMaxMs, laneIdleMs }: Pace,
): Promise<{ delivered: number; lanesClosed: number }> {
  const { scheduler, random, mesh, nodes } = simulatedPair(seed, {
    isUnkind: true,
    streams: { laneIdleMs },
  })
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => void scheduler.after(ms, resolve))
  const handled = nodes.map((): number[] => [])
  for (const [index, node] of nodes.entries()) {
    node.messaging.application('work').onMessage(async (payload) => {
      handled[index]?.push(payload as number)
      await sleep(random.integer(0, 20))
    })
  }
  const settled: Promise<unknown>[] = []
  const send = async (from: number, isOver: () => boolean): Promise<number> => {
    const work = nodes[from]?.messaging.application('work')
    const to = nodes[1 - from]?.id ?? ''
    let sent = 0
    for (; !isOver(); sent++) {
      const confirm = random.pick(['accepted', 'received', 'handled'] as const) ?? 'accepted'
      settled.push(Promise.resolve(work?.send(to, sent, { confirm })).catch(() => undefined))
      await sleep(random.integer(0, pauseMaxMs))
    }
    return sent
  }
  const story = async (): Promise<void> => {
    let isOver = false
    const sending = [send(0, () => isOver), send(1, () => isOver)]
    for (let broken = 0; broken < breaksPerRun; broken++) {
      await sleep(random.integer(50, 2_000))
      mesh.breakConnections()
    }
    await sleep(2_000)
    isOver = true
    await Promise.all(sending)
    await Promise.all(settled)
    while (nodes.some(({ messaging }) => messaging.busy > 0)) await sleep(50)
  }
  await settle(scheduler, story())
  expect(mesh.counters.broken, `seed ${seed}: breaks`).toBeGreaterThan(0)
  let delivered = 0
  let lanesClosed = 0
  for (const [index, node] of nodes.entries()) {
    for (const { lanesClosedIdle } of node.sessions.snapshots(0)) lanesClosed += lanesClosedIdle
    const books = node.messaging.snapshot().work
    if (books === undefined) throw new Error('there is no application work')
    const ended = books.delivered + books.rejected + books.expired + books.unknown
    expect([books.accepted, books.inFlight], `seed ${seed}: books of ${node.id}`).toEqual([
      ended,
      0,
    ])
    const numbers = handled[1 - index] as number[]
    const inOrder = numbers.toSorted((one, other) => one - other)
    expect(numbers, `seed ${seed}: order of ${node.id}`).toEqual(inOrder)
    expect(new Set(numbers).size, `seed ${seed}: handled once`).toBe(numbers.length)
    // The session goes on: what a connection took with it is sent again over the next one.
    expect([books.delivered, books.unknown], `seed ${seed}: outcomes of ${node.id}`).toEqual([
      numbers.length,
      0,
    ])
    delivered += books.delivered
  }
  return { delivered, lanesClosed }
}

describe('messages over connections that break', () => {
  it('each end once, and the books balance, whatever the order of events', async () => {
    let delivered = 0
    for (let number = 0; number < seeds; number++) {
      delivered += (await run(`break-${number}`, { pauseMaxMs: 60, laneIdleMs: 60_000 })).delivered
    }
    expect(delivered).toBeGreaterThan(seeds * 100)
  }, 120_000)

  it('end just so while their lanes close when idle and open again', async () => {
    let delivered = 0
    let lanesClosed = 0
    for (let number = 0; number < seeds; number++) {
      const ran = await run(`idle-${number}`, { pauseMaxMs: 200, laneIdleMs: 20 })
      delivered += ran.delivered
      lanesClosed += ran.lanesClosed
    }
    expect(delivered).toBeGreaterThan(seeds * 50)
    expect(lanesClosed).toBeGreaterThan(seeds * 10)
  }, 120_000)
})
