import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { settle, TestCluster, type TestNode } from '../cluster.ts'

const bytesMax = 1_048_576 - 64

async function pair(): Promise<{ a: TestNode; b: TestNode }> {
  const cluster = new TestCluster()
  cluster.wire.roomBytes = 64 * bytesMax
  const [a, b] = [cluster.node('a'), cluster.node('b')]
  b.orders
    .onMessage(() => undefined)
    .onRequest((payload) => {
      const replyBytes = (payload as { replyBytes?: number }).replyBytes
      return replyBytes === undefined ? (payload as Uint8Array).length : new Uint8Array(replyBytes)
    })
  await cluster.ensure(a, 'b')
  await settle()
  return { a, b }
}

const key = 'k'.repeat(1_000)

/** Each way to hand over so many bytes of payload. */
const ways: readonly [string, string, (a: TestNode, bytes: number) => Promise<unknown>][] = [
  ['send', 'the message to b', ({ orders }, n) => orders.send('b', new Uint8Array(n))],
  [
    'send with a confirmation',
    'the message to b',
    ({ orders }, n) => orders.send('b', new Uint8Array(n), { confirm: 'handled' }),
  ],
  [
    'broadcast',
    'the message to b',
    async ({ orders }, n) => {
      const outcome = (await orders.broadcast(new Uint8Array(n))).get('b')
      if (outcome !== undefined && 'error' in outcome) throw outcome.error
    },
  ],
  ['request', 'the request to b', ({ orders }, n) => orders.request('b', new Uint8Array(n))],
  ['a reply', 'b: the reply', ({ orders }, n) => orders.request('b', { replyBytes: n })],
]

describe('a payload', () => {
  it.each(ways)('may be as large by %s as by any other way', async (_way, _what, hand) => {
    const { a } = await pair()
    await hand(a, bytesMax)
  })

  it.each(ways)(
    'that is larger is refused with size, limit and option: %s',
    async (_way, what, hand) => {
      const { a } = await pair()
      const error = await hand(a, bytesMax + 1).catch((thrown: unknown) => thrown)
      if (!isNodosumError(error)) throw new Error(`no coded error: ${error}`)
      const isReply = what.endsWith('reply')
      expect(isReply ? error.details.remoteCode : error.code).toBe('ERR_NODOSUM_MESSAGE_TOO_LARGE')
      expect(error.message).toBe(
        `${what} has 1048513 bytes, over the limit of 1048512: send it in parts, or raise ` +
          'layers.streams.messageBytesMax, which is 1048576 here, on every node',
      )
      if (!isReply) expect(error.details).toEqual({ bytes: 1_048_513, bytesMax: 1_048_512 })
    },
  )

  it('shares its limit with the key of ownerOf', async () => {
    const { a } = await pair()
    const owner = { kind: 'owner', key } as const
    const error = await a.orders.send(owner, new Uint8Array(bytesMax)).catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_NODOSUM_MESSAGE_TOO_LARGE' })
    await a.orders.send(owner, new Uint8Array(bytesMax - 1_010))
  })
})
