import { describe, expect, it } from 'vitest'
import { until } from '../harness.ts'
import { rawDial } from '../raw-client.ts'
import { testSeal } from '../sealed.ts'
import { closers, first, second, start } from '../trusted-nodes.ts'

describe('an earlier TLS session', () => {
  it('cannot be resumed: nobody gets in without showing a certificate now', async () => {
    const node = await start({ credentials: second })
    let accepted = 0
    await node.transport.listen(() => {
      accepted += 1
    })
    const options = { ...first, protocol: 'nodosum/1' }
    const full = await rawDial(node.address, { ...options, handshakes: testSeal() })
    closers.push(() => full.close())
    // The binding has no switch for tickets, so the acceptor hands one out.
    await until('a ticket came', () => full.engine.session() !== null)
    await until('it is accepted', () => accepted === 1)
    const session = full.engine.session() as Uint8Array

    const resumed = await rawDial(node.address, { ...options, handshakes: testSeal(), session })
    closers.push(() => resumed.close())
    expect(resumed.engine.isInEarlyData()).toBe(false)
    await until('it is refused', () => resumed.engine.peerError() !== null)
    expect(resumed.engine.isResumed()).toBe(true)
    expect(node.transport.snapshot().counters.refusedIdentity).toBe(1)
    expect(accepted).toBe(1)
  })
})
