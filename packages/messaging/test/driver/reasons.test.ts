import { NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { settle, TestCluster, type TestNode } from '../cluster.ts'

const refused = new NodosumError('ERR_NODOSUM_CERT_UNTRUSTED', 'b presented a foreign certificate')
const breaker = new NodosumError('ERR_NODOSUM_NOT_CONNECTED', 'b could not be reached 1 times', {
  cause: refused,
})
const bare = new NodosumError('ERR_NODOSUM_NOT_CONNECTED', 'no address of b is known')

/** What each way of calling ends with when sessions fail as `failures` say, the last one on and on. */
async function errorOf(
  call: (a: TestNode) => Promise<unknown>,
  failures: readonly NodosumError[],
): Promise<unknown> {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a'), cluster.node('b')]
  b.orders.onMessage(() => undefined).onRequest(() => 1)
  let tried = 0
  const next = (): NodosumError => failures[Math.min(tried++, failures.length - 1)] as NodosumError
  cluster.ensure = () => Promise.reject(next())
  // What was tried before is known to the lane.
  expect(a.orders.trySend('b', 1)).toBe('ERR_NODOSUM_NOT_CONNECTED')
  await settle()
  const result = call(a).catch((error: unknown) => error)
  for (let turn = 0; turn < 15; turn++) {
    await settle()
    cluster.scheduler.runFor(100)
  }
  return result
}

const timeoutMs = 1_000

describe('why there is no session travels along', () => {
  const ways: readonly [string, (a: TestNode) => Promise<unknown>][] = [
    ['send', ({ orders }) => orders.send('b', 1, { timeoutMs })],
    [
      'send with a confirmation',
      ({ orders }) => orders.send('b', 1, { timeoutMs, confirm: 'handled' }),
    ],
    [
      'a list',
      ({ orders }) =>
        orders.send(['b'], 1, { timeoutMs }).catch((error) => Promise.reject(error.cause)),
    ],
    [
      'broadcast',
      async ({ orders }) => {
        const outcome = (await orders.broadcast(1)).get('b')
        return outcome !== undefined && 'error' in outcome ? outcome.error : outcome
      },
    ],
    [
      'broadcast with a confirmation',
      async ({ orders }) => {
        const outcome = (await orders.broadcast(1, { confirm: 'handled', timeoutMs })).get('b')
        return outcome !== undefined && 'error' in outcome ? outcome.error : outcome
      },
    ],
  ]
  it.each(ways)('with %s', async (_way, call) => {
    for (const failures of [[refused], [breaker], [refused, breaker]]) {
      const error = (await errorOf(call, failures)) as NodosumError
      expect(error.code).toBe('ERR_NODOSUM_NOT_CONNECTED')
      expect(error.message).toMatch(/^(there is )?no session to b/)
      expect(error.message).toContain(`: ERR_NODOSUM_CERT_UNTRUSTED: ${refused.message}`)
      expect(error.cause).toBe(refused)
    }
    const plain = (await errorOf(call, [bare])) as NodosumError
    expect(plain).toMatchObject({ code: 'ERR_NODOSUM_NOT_CONNECTED', cause: bare })
  })

  it('with request: at once, or when its time is over', async () => {
    const request = ({ orders }: TestNode): Promise<unknown> =>
      orders.request('b', 1, { timeoutMs })
    expect(await errorOf(request, [refused])).toBe(refused)
    const lost = new NodosumError('ERR_NODOSUM_CONNECTION_LOST', 'it went away')
    const late = (await errorOf(request, [bare, lost, bare])) as NodosumError
    expect(late).toMatchObject({ code: 'ERR_NODOSUM_NOT_CONNECTED', cause: lost })
    expect(late.message).toContain('ERR_NODOSUM_CONNECTION_LOST: it went away')
    expect(await errorOf(request, [breaker])).toMatchObject({ cause: refused })
  })

  it('at once with send when one end refuses the other, and in its time when nobody answers', async () => {
    const cluster = new TestCluster()
    const [a, b] = [cluster.node('a'), cluster.node('b')]
    b.orders.onMessage(() => undefined)
    const lost = new NodosumError('ERR_NODOSUM_CONNECTION_LOST', 'it went away')
    for (const [failure, tookMs] of [
      [refused, 0],
      [breaker, 0],
      [lost, timeoutMs],
    ] as const) {
      cluster.unreachable = failure
      const startedMs = cluster.scheduler.nowMs()
      let endedMs = Number.NaN
      const sends = [1, 2, 3].map((payload) => a.orders.send('b', payload, { timeoutMs }))
      const outcomes = Promise.allSettled(sends).then((all) => {
        endedMs = cluster.scheduler.nowMs()
        return all
      })
      for (let turn = 0; turn < 15; turn++) {
        await settle()
        cluster.scheduler.runFor(100)
      }
      for (const outcome of await outcomes) {
        const reason = outcome.status === 'rejected' ? outcome.reason : null
        expect(reason).toMatchObject({
          code: 'ERR_NODOSUM_NOT_CONNECTED',
          cause: failure === breaker ? refused : failure,
        })
      }
      expect(endedMs - startedMs).toBe(tookMs)
    }
    expect(a.counts).toMatchObject({ accepted: 0, refused: 9 })
  })
})
