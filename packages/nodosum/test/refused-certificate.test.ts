import { isNodosumError, type NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { generateGossipKey, type Node } from '../src/index.ts'
import { certificateFor, scratch, startNode, until } from './start-nodes.ts'

describe('a member whose certificate is refused', () => {
  it('is the reason that send and request give, and no target of broadcasts', async () => {
    const gossipKeys = [generateGossipKey()]
    const listen = { host: '127.0.0.1', port: 0 }
    // Longer than the test may take: nobody waits for a member that is refused.
    const layers = { messaging: { sendTimeoutMs: 300_000, requestTimeoutMs: 1_500 } }
    const [one, other] = [scratch(), scratch()]
    const [ofA, ofB, ofC] = [
      await certificateFor('a', one),
      await certificateFor('b', other),
      await certificateFor('c', one),
    ]
    const ca = ofA.ca + ofB.ca
    const a = await startNode({ listen, layers, gossipKeys, join: { alone: true }, identity: ofA })
    const discovery = { seeds: [`127.0.0.1:${a.address.port}`] }
    const join = (identity: typeof ofA): Promise<Node> =>
      startNode({ listen, layers, gossipKeys, discovery, identity: { ...identity, ca } })
    // c takes certificates of both CAs, so b may join; a takes those of its own only.
    await join(ofC)
    const b = await join(ofB)
    b.application('work').onRequest(() => 1)
    const work = a.application('work')
    const known = (): string[] =>
      a.members().flatMap(({ nodeId, applications }) => (applications.length > 0 ? [nodeId] : []))
    await until(() => known().includes('b'))

    const errors = [
      await work.request('b', 1).catch((error: unknown) => error),
      await work.send('b', 1).catch((error: unknown) => error),
    ]
    expect([...(await work.broadcast(1)).keys()]).toEqual([])
    for (const error of errors) {
      if (!isNodosumError(error)) throw new Error(`no coded error: ${error}`)
      const chain = [error.code, (error.cause as NodosumError | undefined)?.code]
      expect(chain).toContain('ERR_NODOSUM_CERT_UNTRUSTED')
      if (error.code === 'ERR_NODOSUM_NOT_CONNECTED') {
        expect(error.message).toContain('ERR_NODOSUM_CERT_UNTRUSTED: ')
      }
    }
  })
})
