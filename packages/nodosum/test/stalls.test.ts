import { describe, expect, it, vi } from 'vitest'
import { generateGossipKey, type Node } from '../src/index.ts'
import { type MemberProcess, ready, startMember } from './member-process.ts'
import { certificateFor, cluster, scratch, seeEachOther, startNode, until } from './start-nodes.ts'

// Each waits for conditions, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 })

interface Sight {
  readonly changes: readonly string[]
  readonly worstHealth: number
  readonly stalls: number
}

interface Scene {
  readonly a: Node
  readonly b: Node
  readonly c: MemberProcess
  /** What a and b have come to believe of c, in their order. */
  readonly verdicts: string[]
  /** What c tells of itself, once it can be asked. */
  look(): Promise<Sight>
  /** Until both believe that c is there. */
  untilThere(): Promise<void>
}

/** Two nodes here, and c in a process of its own, which may stand still. */
async function scene(): Promise<Scene> {
  const directory = scratch()
  const key = generateGossipKey()
  const plan = async (nodeId: string): Promise<Parameters<typeof startNode>[0]> => ({
    nodeId,
    listen: { host: '127.0.0.1', port: 0 },
    identity: await certificateFor(nodeId, directory),
    gossipKeys: [key],
  })
  const a = await startNode({ ...(await plan('a')), join: { alone: true } })
  const discovery = { seeds: [`127.0.0.1:${a.address.port}`] }
  const b = await startNode({ ...(await plan('b')), discovery })
  await seeEachOther([a, b])
  const c = startMember({ cluster, ...(await plan('c')), discovery }, 'stalling-member.ts')
  await ready(c)
  const isThere = (node: Node): boolean =>
    node.members().some(({ nodeId, state }) => nodeId === 'c' && state === 'alive')
  const untilThere = (): Promise<void> => until(() => isThere(a) && isThere(b), 45_000)
  await untilThere()
  await until(() => a.application('look').nodes().includes('c'))
  const verdicts: string[] = []
  for (const node of [a, b]) {
    node.on('member', ({ kind, member }) => {
      if (member.nodeId === 'c') verdicts.push(kind)
    })
  }
  const look = async (): Promise<Sight> =>
    (await a
      .application('look')
      .request('c', null, { timeoutMs: 30_000, idempotent: true })) as Sight
  return { a, b, c, verdicts, look, untilThere }
}

/** How long something stands still is what is looked at. */
function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

const accusations = (changes: readonly string[]): string[] =>
  changes.filter((change) => /suspect|failed/.test(change))

describe('a node that stands still', () => {
  it('for 3 s, blocked or stopped, is not declared dead, accuses nobody, and doubts itself', async () => {
    const { a, c, verdicts, look, untilThere } = await scene()
    const { stalls } = await look()
    await a.application('stall').send('c', 2_500, { confirm: 'handled', timeoutMs: 30_000 })
    // A wrong verdict would come now.
    await pass(4_000)
    const blocked = await look()
    expect(blocked.stalls).toBeGreaterThan(stalls)
    expect(blocked.worstHealth).toBeGreaterThan(0)

    c.kill('SIGSTOP')
    await pass(3_000)
    c.kill('SIGCONT')
    await pass(4_000)
    await untilThere()
    const stopped = await look()
    expect(stopped.stalls).toBeGreaterThan(blocked.stalls)
    expect(verdicts).not.toContain('failed')
    expect(accusations(stopped.changes)).toEqual([])
  })

  it('for 5 s may be declared dead, comes back as the same process, and accuses nobody', async () => {
    const { a, c, look, untilThere } = await scene()
    const bootId = (): string | undefined =>
      a.members().find(({ nodeId }) => nodeId === 'c')?.bootId
    const before = bootId()
    c.kill('SIGSTOP')
    await pass(5_000)
    c.kill('SIGCONT')
    await untilThere()
    await pass(3_000)
    const sight = await look()
    expect(accusations(sight.changes)).toEqual([])
    expect(sight.stalls).toBeGreaterThan(0)
    expect(bootId()).toBe(before)
  })
})
