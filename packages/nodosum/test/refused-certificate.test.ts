import { isNodosumError, type NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { generateGossipKey, type Outcome } from '../src/index.ts'
import { certificateFor, scratch, startNode, until } from './start-nodes.ts'

describe('a member whose certificate is refused', () => {
  it('is the reason that send, request and broadcast give', async () => {
    const gossipKeys = [generateGossipKey()]
    const listen = { host: '127.0.0.1', port: 0 }
    const layers = { messaging: { sendTimeoutMs: 1_500, requestTimeoutMs: 1_500 } }
    const a = await startNode({
      listen,
      layers,
      gossipKeys,
      join: { alone: true },
      identity: await certificateFor('a', scratch()),
    })
    // Each has a CA of its own; gossip needs the key only.
    const b = await startNode({
      listen,
      layers,
      gossipKeys,
      discovery: { seeds: [`127.0.0.1:${a.address.port}`] },
      identity: await certificateFor('b', scratch()),
    })
    b.application('work').onRequest(() => 1)
    const work = a.application('work')
    await until(() => work.nodes().includes('b'))

    const errors = [
      await work.request('b', 1).catch((error: unknown) => error),
      await work.send('b', 1).catch((error: unknown) => error),
      errorOf((await work.broadcast(1)).get('b')),
    ]
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

function errorOf(outcome: Outcome | undefined): unknown {
  return outcome !== undefined && 'error' in outcome ? outcome.error : outcome
}
