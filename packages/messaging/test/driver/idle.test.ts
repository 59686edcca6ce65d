import { describe, expect, it } from 'vitest'
import { gate, settle, TestCluster, type TestNode, until } from '../cluster.ts'

/** Two nodes, connected, and whether each has something under way with the other. */
async function connected(): Promise<{
  cluster: TestCluster
  a: TestNode
  b: TestNode
  idle: () => (boolean | undefined)[]
}> {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a'), cluster.node('b')]
  await cluster.ensure(a, 'b')
  const idle = (): (boolean | undefined)[] => [
    cluster.end(a, b).handler?.idle(),
    cluster.end(b, a).handler?.idle(),
  ]
  return { cluster, a, b, idle }
}

describe('a session', () => {
  it('is idle when nothing was sent, and again when all of it is confirmed', async () => {
    const { a, b, idle } = await connected()
    b.orders.onMessage(() => undefined)
    expect(idle()).toEqual([true, true])
    await a.orders.send('b', 1, { confirm: 'received' })
    await settle()
    expect(idle()).toEqual([true, true])
  })

  it('is in use while a message is on its way or not confirmed', async () => {
    const { cluster, a, b, idle } = await connected()
    b.orders.onMessage(() => undefined)
    cluster.wire.holds = true
    await a.orders.send('b', 1)
    expect(idle()).toEqual([false, true])
  })

  it('is in use at the receiver while a handler runs, and at a sender who waits for it', async () => {
    const { a, b, idle } = await connected()
    const { opened, open } = gate()
    b.orders.onMessage(() => opened)
    await a.orders.send('b', 1)
    await until(() => b.counts.received === 1)
    await settle()
    expect(idle()).toEqual([true, false])
    const handled = a.orders.send('b', 2, { confirm: 'handled' })
    await until(() => b.counts.received === 2)
    await settle()
    expect([a.counts.inFlight, ...idle()]).toEqual([1, false, false])
    open()
    await handled
    await settle()
    expect(idle()).toEqual([true, true])
  })

  it('is in use at both ends while a request runs', async () => {
    const { a, b, idle } = await connected()
    const { opened, open } = gate()
    b.orders.onRequest(() => opened)
    await settle()
    const reply = a.orders.request('b', 1)
    await settle()
    expect(idle()).toEqual([false, false])
    open()
    await reply
    await settle()
    expect(idle()).toEqual([true, true])
  })
})
