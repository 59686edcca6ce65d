import { NodosumError, parseNodeId, silentLogger } from '@nodosum/kernel'
import { systemScheduler } from '@nodosum/kernel/node'
import { describe, expect, it } from 'vitest'
import { PeerTrust, refusalOf } from '../src/peer-trust.ts'

const shop3 = parseNodeId('shop-3')
const untrusted = new NodosumError('ERR_NODOSUM_CERT_UNTRUSTED', 'unknown CA')

/** Timers that run when they are told to. */
function trusting(): { trust: PeerTrust; dialed: string[]; timers: (() => void)[] } {
  const dialed: string[] = []
  const timers: (() => void)[] = []
  const after = (_delayMs: number, run: () => void): { cancel: () => void } => {
    timers.push(run)
    return { cancel: () => undefined }
  }
  const trust = new PeerTrust({
    scheduler: { ...systemScheduler(), after },
    logger: silentLogger,
    dial: (peer) => void dialed.push(peer),
    changed: () => undefined,
  })
  return { trust, dialed, timers }
}

describe('a member whose certificate is refused', () => {
  it('is dialed again until a session opens, and then forgotten', () => {
    const { trust, dialed, timers } = trusting()
    trust.failed(shop3, untrusted)
    expect(trust.refuses(shop3)).toBe(true)
    timers.shift()?.()
    timers.shift()?.()
    expect(dialed).toEqual(['shop-3', 'shop-3'])
    trust.forget(shop3)
    expect(trust.refuses(shop3)).toBe(false)
    timers.shift()?.()
    expect(dialed).toHaveLength(2)
    expect(timers).toHaveLength(0)
  })

  it('is told from one that refuses this node, and from one that does not answer', () => {
    const { trust } = trusting()
    const remote = new NodosumError('ERR_NODOSUM_CERT_UNTRUSTED', 'no', {
      details: { remote: true },
    })
    trust.failed(shop3, remote)
    expect(trust.refuses(shop3)).toBe(false)
    expect(trust.distrusted).toEqual([{ peer: shop3, by: 'peer', code: remote.code }])
    trust.failed(parseNodeId('shop-4'), new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'late'))
    expect(trust.distrusted).toHaveLength(1)
  })

  it('is known as such while the pool pauses between dials', () => {
    const pause = new NodosumError('ERR_NODOSUM_NOT_CONNECTED', 'wait', { cause: untrusted })
    expect(refusalOf(pause)).toBe(untrusted)
    expect(refusalOf(new NodosumError('ERR_NODOSUM_NOT_CONNECTED', 'wait'))).toBeNull()
  })
})
