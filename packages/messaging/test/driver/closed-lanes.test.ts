import { describe, expect, it } from 'vitest'
import { gate, settle, TestCluster, type TestNode, until } from '../cluster.ts'

function twoNodes(): { cluster: TestCluster; a: TestNode; b: TestNode } {
  const cluster = new TestCluster()
  return { cluster, a: cluster.node('a'), b: cluster.node('b') }
}

describe('a lane that is closed because nothing was sent on it', () => {
  it('is opened again by the next send: order, ids and confirmations hold across it', async () => {
    const { cluster, a, b } = twoNodes()
    const seen: unknown[] = []
    const ids: string[] = []
    b.orders.onMessage((payload, { messageId }) => {
      seen.push(payload)
      ids.push(messageId)
    })
    for (let round = 0; round < 4; round++) {
      const confirm = round % 2 === 0 ? 'received' : 'handled'
      for (let number = 0; number < 3; number++) {
        await a.orders.send('b', 10 * round + number, number === 2 ? { confirm } : {})
      }
      await settle()
      expect(cluster.end(a, b).closeIdle()).toBe(1)
    }
    expect(seen).toEqual([0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32])
    expect(new Set(ids).size).toBe(12)
    expect(a.counts).toMatchObject({ accepted: 12, delivered: 12, unknown: 0, inFlight: 0 })
    expect(a.orders.trySend('b', 40)).toBe('accepted')
    await until(() => seen.length === 13)
  })

  it('was not in use: one with a message in flight or a handler that is waited for is kept', async () => {
    const { cluster, a, b } = twoNodes()
    const { opened, open } = gate()
    b.orders.onMessage(() => opened)
    const handled = a.orders.send('b', 1, { confirm: 'handled' })
    await until(() => b.counts.received === 1)
    await settle()
    const session = cluster.end(a, b)
    expect(session.closeIdle()).toBe(0)
    open()
    await handled
    expect(session.closeIdle()).toBe(1)
  })

  it('leaves the handlers of its messages alone, and the session is in use until they end', async () => {
    const { cluster, a, b } = twoNodes()
    const { opened, open } = gate()
    let signal: AbortSignal | null = null
    b.orders.onMessage(async (_payload, context) => {
      signal = context.signal
      await opened
    })
    await a.orders.send('b', 1, { confirm: 'received' })
    await settle()
    expect(cluster.end(a, b).closeIdle()).toBe(1)
    expect(cluster.end(b, a).handler?.idle()).toBe(false)
    expect((signal as AbortSignal | null)?.aborted).toBe(false)
    open()
    await settle()
    expect(cluster.end(b, a).handler?.idle()).toBe(true)
  })

  it('does not mind the reply to a request that was given up', async () => {
    const { cluster, a, b } = twoNodes()
    const { opened, open } = gate()
    b.orders.onRequest(async () => {
      await opened
      return 'late'
    })
    const abort = new AbortController()
    const asked = a.orders.request('b', 1, { signal: abort.signal }).catch((error) => error.code)
    await until(() => b.counts.received === 1)
    abort.abort()
    expect(await asked).toBe('ERR_NODOSUM_CANCELLED')
    await settle()
    const session = cluster.end(a, b)
    expect(session.closeIdle()).toBe(1)
    open()
    await settle()
    expect(session.closed).toBe(false)
    expect(await a.orders.request('b', 2)).toBe('late')
  })

  it('still aborts its handlers when the session ends', async () => {
    const { cluster, a, b } = twoNodes()
    const { opened, open } = gate()
    let aborted = false
    b.orders.onMessage(async (_payload, { signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      await opened
    })
    await a.orders.send('b', 1, { confirm: 'received' })
    await settle()
    expect(cluster.end(a, b).closeIdle()).toBe(1)
    cluster.cut(a, b)
    await settle()
    expect(aborted).toBe(true)
    open()
  })
})

describe('a lane that the peer does not take', () => {
  it('rejects what was sent on it and what waits for it with a code, and nothing else', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onMessage(() => undefined)
    await a.orders.send('b', 0, { confirm: 'received' })
    cluster.wire.holds = true
    cluster.wire.roomBytes = 40
    const audit = a.orders.lane('audit')
    const sends = Array.from({ length: 6 }, (_, number) =>
      audit.send('b', number, { confirm: 'received' }).catch((error) => error.code),
    )
    await settle()
    cluster.end(a, b).refuseLane('orders', 'audit')
    expect(new Set(await Promise.all(sends))).toEqual(new Set(['ERR_NODOSUM_LIMIT_STREAMS']))
    expect(a.counts.unknown).toBe(0)
    expect(a.counts.rejected).toBeGreaterThan(0)
    expect(a.counts.inFlight).toBe(0)
    expect(a.undelivered).toHaveLength(a.counts.rejected)
    cluster.wire.holds = false
    await a.orders.send('b', 1, { confirm: 'handled' })
    await audit.send('b', 2, { confirm: 'handled' })
  })
})
