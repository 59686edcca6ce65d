import { describe, expect, it } from 'vitest'
import { anyNode, isNodosumError, type Node, ownerOf, type Undelivered } from '../src/index.ts'
import { scratch, seeEachOther, startDevelopment, startNode, until } from './start-nodes.ts'

function runEverywhere(nodes: readonly Node[]): { heard: Map<string, unknown[]> } {
  const heard = new Map<string, unknown[]>(nodes.map(({ id }) => [id, []]))
  for (const node of nodes) {
    node
      .application('orders')
      .onMessage((payload) => void heard.get(node.id)?.push(payload))
      .onRequest((payload, { from, key }) => ({ by: node.id, from, key, payload }))
  }
  return { heard }
}

async function runBy(nodes: readonly Node[], id: string, count: number): Promise<void> {
  await until(() => nodes.every((node) => node.application(id).nodes().length === count))
}

describe('three nodes', () => {
  it('send, broadcast and request, and all of it arrives', async () => {
    const nodes = await startDevelopment('a', 'b', 'c')
    const { heard } = runEverywhere(nodes)
    await runBy(nodes, 'orders', 3)
    const [a] = nodes as [Node, Node, Node]
    const orders = a.application('orders')

    await orders.send('b', { sku: 'tea', at: new Date(0) }, { confirm: 'handled' })
    expect(heard.get('b')).toEqual([{ sku: 'tea', at: new Date(0) }])

    const outcomes = await orders.broadcast(new Uint8Array([1, 2]), { confirm: 'handled' })
    expect([...outcomes.keys()].sort()).toEqual(['b', 'c'])
    expect([...outcomes.values()].map(({ status }) => status)).toEqual(['delivered', 'delivered'])
    const [bytes] = heard.get('c') as [Uint8Array]
    expect(Uint8Array.from(bytes)).toEqual(Uint8Array.of(1, 2))
    expect(heard.get('a')).toEqual([])

    expect(await orders.request('c', 'ping')).toEqual({
      by: 'c',
      from: 'a',
      key: null,
      payload: 'ping',
    })
    expect(await orders.request('a', 'ping')).toMatchObject({ by: 'a', from: 'a' })
  })

  it('agree on the owner of every key, and spread keys over all', async () => {
    const nodes = await startDevelopment('a', 'b', 'c')
    runEverywhere(nodes)
    await runBy(nodes, 'orders', 3)
    const owners = new Set<string>()
    for (let sku = 0; sku < 30; sku++) {
      const key = `sku-${sku}`
      const replies = await Promise.all(
        nodes.map((node) => node.application('orders').request(ownerOf(key), null)),
      )
      const [first, ...others] = replies.map((reply) => (reply as { by: string }).by)
      expect(others).toEqual([first, first])
      owners.add(first as string)
    }
    expect([...owners].sort()).toEqual(['a', 'b', 'c'])
  })

  it('keep the order of one sender, through backpressure', async () => {
    const [a, b] = (await startDevelopment('a', 'b')) as [Node, Node]
    const seen: number[] = []
    b.application('orders').onMessage((payload) => void seen.push(payload as number))
    await runBy([a, b], 'orders', 1)
    const orders = a.application('orders')
    let refusals = 0
    const count = 100_000
    for (let number = 0; number < count; number++) {
      const result = orders.trySend('b', number)
      if (result === 'accepted') continue
      refusals += 1
      await orders.send('b', number)
    }
    await until(() => seen.length >= count)
    expect(seen).toEqual(Array.from({ length: count }, (_, index) => index))
    expect(refusals).toBeGreaterThan(0)
    await until(() => a.metrics().applications.orders?.inFlight === 0)
    expect(a.metrics().applications.orders).toMatchObject({ accepted: count, delivered: count })
  })

  it('say NO_TARGET when nobody runs the application', async () => {
    const [a] = (await startDevelopment('a', 'b')) as [Node]
    const asked = a.application('nothing').request(anyNode(), 1, { timeoutMs: 500 })
    await expect(asked).rejects.toMatchObject({ code: 'ERR_NODOSUM_NO_TARGET', retryable: true })
  })

  it('hear of changes, as events and as an iterable', async () => {
    const developmentDirectory = scratch()
    const options = { profile: 'development', developmentDirectory } as const
    const a = await startNode({ nodeId: 'a', ...options })
    const kinds: string[] = []
    a.on('member', ({ kind, member }) => kinds.push(`${member.nodeId} ${kind}`))
    const feed = a.changes()[Symbol.asyncIterator]()
    const first = feed.next()
    const b = await startNode({ nodeId: 'b', tags: { zone: 'north' }, ...options })
    expect((await first).value).toMatchObject({ kind: 'joined', member: { nodeId: 'b' } })
    await seeEachOther([a, b])
    await until(() => a.members().some(({ tags }) => tags.zone === 'north'))
    await b.close()
    await until(() => kinds.includes('b left'))
    expect(kinds).not.toContain('b failed')
    await a.close()
    const rest = []
    for (let next = await feed.next(); !next.done; next = await feed.next()) rest.push(next.value)
    expect(rest.at(-1)).toMatchObject({ kind: 'left', member: { nodeId: 'b' } })
  })

  it('report messages that a node took with it as undelivered', async () => {
    const [a, b] = (await startDevelopment('a', 'b')) as [Node, Node]
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    b.application('orders').onMessage(() => held)
    await runBy([a, b], 'orders', 1)
    const lost: Undelivered[] = []
    a.on('undelivered', (message) => lost.push(message))
    const waiting = a.application('orders').send('b', 1, { confirm: 'handled' })
    const outcome = waiting.catch((error: unknown) => error)
    await until(() => b.metrics().applications.orders?.received === 1)
    // Close without drain, as a process that is killed: what was not confirmed is unknown.
    const closing = b.close()
    expect(isNodosumError(await outcome, 'ERR_NODOSUM_DELIVERY_UNKNOWN')).toBe(true)
    release()
    await closing
    const { accepted, delivered, rejected, expired, unknown, inFlight } = a.metrics().applications
      .orders as NonNullable<ReturnType<Node['metrics']>['applications'][string]>
    expect(accepted).toBe(delivered + rejected + expired + unknown + inFlight)
    expect(lost.length).toBe(unknown)
  })

  it('are healthy, and say which member does not answer', async () => {
    const nodes = await startDevelopment('a', 'b')
    const [a] = nodes as [Node]
    await until(() => a.health().status === 'ok')
    expect(a.health().checks.map(({ name }) => name)).toEqual([
      'node',
      'membership',
      'transport',
      'messaging',
      'certificate',
    ])
  })
})
