import { settle } from '@nodosum/testkit'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { contract, type Node, request } from '../src/index.ts'
import { ready, startMember } from './member-process.ts'
import { simulatedPair } from './simulated-pair.ts'
import { cluster, rejection, scratch, seeEachOther, startNode, until } from './start-nodes.ts'
import { runTicks, ticks } from './ticks.ts'

async function ticking(
  transport: 'quic' | 'h2',
  notes: string[] = [],
): Promise<{ caller: Node; runner: Node }> {
  const developmentDirectory = scratch()
  const shared = { profile: 'development', developmentDirectory, transport } as const
  const runner = await startNode({ ...shared, nodeId: 'b', applications: [runTicks(notes)] })
  const caller = await startNode({ ...shared, nodeId: 'a' })
  await seeEachOther([caller, runner])
  return { caller, runner }
}

describe.each(['quic', 'h2'] as const)('contracts over %s', (transport) => {
  it('are there as soon as their node is, and every call works', async () => {
    const notes: string[] = []
    const { caller, runner } = await ticking(transport, notes)
    // Nobody has ever seen the member without its application.
    expect(caller.members().find(({ nodeId }) => nodeId === 'b')?.applications).toEqual(['ticks'])
    expect(await caller.request(ticks.double, 21)).toBe(42)
    const error = await caller.request(ticks.double, 1_001, { to: 'b' }).catch((thrown) => thrown)
    expect(ticks.double.isError(error, 'TOO_LARGE') && error.data).toBe(1_001)
    await caller.send(ticks.note, 'one', { to: 'b', confirm: 'handled' })
    const outcomes = await caller.broadcast(ticks.note, 'two', { confirm: 'handled' })
    expect([...outcomes]).toEqual([['b', { status: 'delivered' }]])
    expect(notes).toEqual(['one', 'two'])
    const taken: number[] = []
    for await (const number of caller.stream(ticks.count, 5_000)) taken.push(number)
    expect(taken).toEqual(Array.from({ length: 5_000 }, (_, index) => index + 1))
    for await (const number of caller.stream(ticks.count, 1_000_000)) if (number === 100) break
    // The producer heard of it.
    await until(() => (runner.metrics().applications.ticks?.inFlight ?? 1) === 0)
    expect((await runner.drain({ deadlineMs: 5_000 })).complete).toBe(true)
  })

  it('end a stream with one coded error when its producer is killed', async () => {
    const developmentDirectory = scratch()
    const shared = { profile: 'development', developmentDirectory, transport } as const
    const producer = startMember({ ...shared, cluster, nodeId: 'b' }, 'ticking.ts')
    await ready(producer)
    // A session is kept for a minute after its peer was found dead, unless told.
    const layers = { streams: { retentionMs: 0 } }
    const caller = await startNode({ ...shared, nodeId: 'a', layers })
    await until(() => caller.members().some(({ nodeId }) => nodeId === 'b'))
    const stream = caller.stream(ticks.count, 1_000_000_000, { to: 'b' })
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    producer.kill('SIGKILL')
    expect(await producer.ended).toBe('SIGKILL')
    let last = 1
    const drain = async (): Promise<void> => {
      for await (const number of stream) {
        expect(number).toBe(last + 1)
        last = number
      }
    }
    await expect(drain()).rejects.toMatchObject({
      code: 'ERR_NODOSUM_DELIVERY_UNKNOWN',
      details: { node: 'b' },
    })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  }, 60_000)
})

describe('streams over connections that break', () => {
  it('lose, repeat and reorder no item', async () => {
    const { scheduler, random, mesh, nodes } = simulatedPair('streams', {})
    const [a, b] = nodes
    b.messaging.implement(runTicks())
    const taken: number[] = []
    const items = 3_000
    let isOver = false
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => void scheduler.after(ms, resolve))
    const take = async (): Promise<void> => {
      for await (const number of a.messaging.calls.stream(ticks.count, items, { to: 'b' })) {
        taken.push(number)
        if (number % 50 === 0) await sleep(random.integer(0, 50))
      }
      isOver = true
    }
    const breaking = async (): Promise<void> => {
      while (!isOver) {
        await sleep(random.integer(20, 200))
        mesh.breakConnections()
      }
    }
    await settle(scheduler, Promise.all([take(), breaking()]))
    expect(mesh.counters.broken).toBeGreaterThan(3)
    expect(taken).toEqual(Array.from({ length: items }, (_, index) => index + 1))
    expect(b.messaging.busy).toBe(0)
  }, 60_000)
})

describe('createNode', () => {
  it('names every implementation that is none or comes twice', async () => {
    const other = contract('other', { ask: request({ input: z.string(), output: z.string() }) })
    const error = await rejection({
      profile: 'development',
      applications: [runTicks(), other, runTicks()],
    })
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(error.message).toContain('applications[1]')
    expect(error.message).toContain('such as shop.implement({ … })')
    const twice = await rejection({
      profile: 'development',
      applications: [runTicks(), runTicks()],
    })
    expect(twice.message).toContain('contract ticks is implemented twice: implement it once')
  })
})
