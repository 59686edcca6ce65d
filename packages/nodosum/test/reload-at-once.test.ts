import type { Random } from '@nodosum/kernel'
import { type SimulatedScheduler, settle } from '@nodosum/testkit'
import { poolOptions } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { type SimulatedNode, simulatedPair } from './simulated-pair.ts'

const seeds = 60

const { replaceWithinMs } = poolOptions.defaults()

/** Numbers its messages, each once the one before is handled. */
class Sender {
  sent = 0
  isOver = false

  async run(from: SimulatedNode, to: SimulatedNode): Promise<void> {
    const work = from.messaging.application('work')
    for (; !this.isOver; this.sent++) await work.send(to.id, this.sent, { confirm: 'handled' })
  }
}

/** Handlers that mostly take a moment, and now and then longer than anybody waits for them. */
function listen(node: SimulatedNode, scheduler: SimulatedScheduler, random: Random): number[] {
  const handled: number[] = []
  node.messaging.application('work').onMessage(async (payload) => {
    handled.push(payload as number)
    const takesMs = random.float() < 0.02 ? random.integer(100, 800) : random.integer(0, 20)
    await new Promise<void>((resolve) => void scheduler.after(takesMs, resolve))
  })
  return handled
}

/** How long both ends took until all that they have was made with the credentials of both. */
async function moved(
  nodes: readonly SimulatedNode[],
  scheduler: SimulatedScheduler,
  reloads: number,
): Promise<number> {
  const startedMs = scheduler.nowMs()
  const isMoved = (): boolean =>
    nodes.every(({ pool }) => {
      const { connections } = pool.snapshot()
      return connections.length === 1 && connections[0]?.credentials === reloads
    })
  while (!isMoved()) await new Promise<void>((resolve) => void scheduler.after(5, resolve))
  return scheduler.nowMs() - startedMs
}

async function reloadAtOnce(seed: string, isUnkind: boolean): Promise<number[]> {
  const { scheduler, random, nodes } = simulatedPair(seed, {
    isUnkind,
    // Looks so often that two ends which both went would always meet.
    pool: { sweepMs: 10, replaceRetryMs: 20 },
  })
  const [a, b] = nodes
  const handled = nodes.map((node) => listen(node, scheduler, random.stream(`handlers ${node.id}`)))
  const senders = [new Sender(), new Sender()] as const
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => void scheduler.after(ms, resolve))
  const story = async (): Promise<number[]> => {
    const sending = Promise.all([senders[0].run(a, b), senders[1].run(b, a)])
    const tookMs: number[] = []
    for (let reload = 1; reload <= 3; reload++) {
      await sleep(random.integer(500, 3_000))
      a.reload()
      // At the same moment, or while the other is about to move or moves.
      await sleep(random.pick([0, 0, random.integer(1, 100), random.integer(1, 2_000)]) ?? 0)
      b.reload()
      tookMs.push(await moved(nodes, scheduler, reload))
    }
    for (const sender of senders) sender.isOver = true
    await sending
    return tookMs
  }
  const tookMs = await settle(scheduler, story())
  for (const [index, node] of nodes.entries()) {
    const { sent } = senders[1 - index] as Sender
    expect(handled[index], `seed ${seed}: handled by ${node.id}`).toEqual(
      Array.from({ length: sent }, (_, number) => number),
    )
    const { accepted, delivered } = node.messaging.snapshot().work ?? {}
    expect([delivered, accepted], `seed ${seed}: outcomes of ${node.id}`).toEqual([
      (senders[index] as Sender).sent,
      (senders[index] as Sender).sent,
    ])
  }
  // Always the same end, the one that dialed.
  const replaced = nodes.map(({ pool }) => pool.snapshot().counters.replaced)
  expect(Math.min(...replaced), `seed ${seed}: replaced by the end that accepted`).toBe(0)
  return tookMs
}

describe('two ends that reload their certificates at the same moment', () => {
  it.each(['a clean', 'an unkind'] as const)(
    'lose nothing and have moved soon, over %s path',
    async (path) => {
      const all: number[] = []
      for (let number = 0; number < seeds; number++) {
        all.push(...(await reloadAtOnce(`reload-${number}`, path === 'an unkind')))
      }
      all.sort((one, other) => one - other)
      const at = (share: number): number => all[Math.floor((all.length - 1) * share)] ?? 0
      // Within two looks of the pool for most, and in the documented time also when a handler is
      // always just then under way.
      expect(at(0.5)).toBeLessThan(2_000)
      expect(at(1)).toBeLessThan(replaceWithinMs)
    },
    120_000,
  )
})
