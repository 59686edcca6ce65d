import { describe, expect, it } from 'vitest'
import type { TargetRule } from '../../src/index.ts'
import { failure, TestCluster, type TestNode } from '../cluster.ts'

const any = { kind: 'any', key: null } as const

/** Six nodes in two zones, one of them of another version; all of them answer with their id. */
function sixNodes() {
  const cluster = new TestCluster()
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const node = cluster.node(id)
    node.orders.onRequest(() => id)
    const zone = 'abc'.includes(id) ? 'west' : 'east'
    cluster.tags.set(id, { zone, version: id === 'f' ? '2' : '1' })
  }
  const a = cluster.nodes.get('a') as TestNode
  const ask = async (rule: TargetRule, times: number): Promise<string[]> => {
    const all = Array.from({ length: times }, () => a.orders.request(rule, 1))
    return (await Promise.all(all)) as string[]
  }
  return { cluster, a, ask }
}

describe('targets with tags', () => {
  it('are members that have all of them', async () => {
    const { ask } = sixNodes()
    expect(new Set(await ask({ ...any, tags: { zone: 'east' } }, 100))).toEqual(
      new Set(['d', 'e', 'f']),
    )
    expect(new Set(await ask({ ...any, tags: { zone: 'east', version: '2' } }, 10))).toEqual(
      new Set(['f']),
    )
  })

  it('are the nearest of them', async () => {
    const { cluster, ask } = sixNodes()
    for (const [id, ms] of Object.entries({ b: 1, c: 2, d: 5, e: 3, f: 4 })) {
      cluster.rttsMs.set(id, ms)
    }
    const nearest = { kind: 'nearest', key: null } as const
    expect(await ask({ ...nearest, tags: { zone: 'east' } }, 1)).toEqual(['e'])
  })

  it('are nobody when nobody has them, which the error says', async () => {
    const { a } = sixNodes()
    const rule = { ...any, tags: { zone: 'north' } }
    const sent = await failure(a.orders.send(rule, 1))
    expect(sent).toMatchObject({
      code: 'ERR_NODOSUM_NO_TARGET',
      retryable: true,
      message: expect.stringContaining('no ready member with the tags zone=north runs orders'),
    })
  })

  it('own keys among themselves, and every member sees the same owner', async () => {
    const { cluster, ask } = sixNodes()
    const owners = new Set<string>()
    for (let each = 0; each < 60; each++) {
      const rule = { kind: 'owner', key: `key ${each}`, tags: { zone: 'east' } } as const
      const [owner] = await ask(rule, 1)
      owners.add(owner as string)
      const b = cluster.nodes.get('b') as TestNode
      expect(await b.orders.request(rule, 1)).toBe(owner)
    }
    expect(owners).toEqual(new Set(['d', 'e', 'f']))
  })

  it('own no key at a receiver that does not have them', async () => {
    const { cluster, a } = sixNodes()
    const rule = { kind: 'owner', key: 'tea', tags: { version: '2' } } as const
    expect(await a.orders.request(rule, 1)).toBe('f')
    // Views differ: the others know that f has changed, and a does not.
    cluster.viewOf.set('a', { candidates: () => [cluster.nodes.get('e')?.id as never] })
    cluster.tags.set('e', { version: '2' })
    const sent = a.orders.send(rule, 1, { confirm: 'received' })
    // e has no handler for messages; had it not owned the key it would have said so first.
    expect(await failure(sent)).toMatchObject({
      code: expect.stringMatching(/NO_HANDLER|NOT_OWNER/),
    })
  })
})

describe('a canary', () => {
  const canary = { tags: { version: '2' }, share: 0.2 }

  it('gets its share of the calls, and no other call', async () => {
    const { ask } = sixNodes()
    const replies = await ask({ ...any, canary }, 2_000)
    const canaries = replies.filter((id) => id === 'f').length
    // 400 expected; six standard deviations are 107.
    expect(canaries).toBeGreaterThan(293)
    expect(canaries).toBeLessThan(507)
  })

  it('gets the same keys each time', async () => {
    const { ask } = sixNodes()
    let canaries = 0
    for (let each = 0; each < 200; each++) {
      const rule = { ...any, canary: { ...canary, key: `user ${each}` } }
      const replies = new Set((await ask(rule, 5)).map((id) => id === 'f'))
      expect(replies.size).toBe(1)
      if (replies.has(true)) canaries += 1
    }
    expect(canaries).toBeGreaterThan(10)
    expect(canaries).toBeLessThan(74)
  })

  it('takes part in who owns a key', async () => {
    const { ask } = sixNodes()
    const owners: string[] = []
    for (let each = 0; each < 100; each++) {
      const [owner] = await ask({ kind: 'owner', key: `key ${each}`, canary }, 1)
      owners.push(owner as string)
    }
    expect(owners.filter((id) => id === 'f').length).toBeGreaterThan(5)
    expect(new Set(owners).size).toBe(6)
  })

  it('that has no member leaves everything to the others, and the other way round', async () => {
    const { ask } = sixNodes()
    const none = { ...any, canary: { tags: { version: '3' }, share: 1 } }
    expect((await ask(none, 50)).length).toBe(50)
    const all = { ...any, tags: { version: '2' }, canary: { tags: { version: '2' }, share: 0 } }
    expect(await ask(all, 5)).toEqual(['f', 'f', 'f', 'f', 'f'])
  })
})

describe('a wrong rule is refused at once:', () => {
  it.each<[object, string]>([
    [{ tags: 'east' }, 'tags takes an object such as { zone: \'a\' }, not "east"'],
    [{ tags: { zone: 5 } }, 'tags.zone takes a string, not 5'],
    [
      { tags: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`t${at}`, ''])) },
      '17 tags',
    ],
    [{ tags: { zone: 'x'.repeat(257) } }, 'over the limit of 256 bytes'],
    [{ canary: 0.05 }, 'canary takes { tags, share, key }, not 0.05'],
    [{ canary: { tags: {}, share: 0.1 } }, 'canary.tags is empty'],
    [{ canary: { tags: { v: '2' } } }, 'canary.share takes a number from 0 to 1, not undefined'],
    [{ canary: { tags: { v: '2' }, share: 5 } }, 'canary.share takes a number from 0 to 1, not 5'],
    [{ canary: { tags: { v: '2' }, share: Number.NaN } }, 'not NaN'],
    [{ canary: { tags: { v: '2' }, share: 0.1, key: 5 } }, 'canary.key has to be a string'],
    [
      { canary: { tags: { v: '2' }, percent: 5 } },
      "canary takes { tags, share, key } and has no 'percent'",
    ],
  ])('%j', async (rest, words) => {
    const { a } = sixNodes()
    const error = await failure(a.orders.request({ ...any, ...rest } as never, 1))
    expect(error).toMatchObject({
      code: 'ERR_NODOSUM_CONFIG_INVALID',
      message: expect.stringContaining(words),
    })
  })
})
