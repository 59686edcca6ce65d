import { NodosumError } from '@nodosum/kernel'
import type { CloseReason, Connection, VerifyPeer } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { readIdentity, until } from '../harness.ts'
import { dropping } from '../losing-port.ts'
import { certificates, first, second, start } from '../trusted-nodes.ts'

/** The error of a dial, or of the connection that it first seemed to be. */
async function refusalOf(dial: Promise<Connection>): Promise<NodosumError | null> {
  try {
    const connection = await dial
    connection.openStream().write(Buffer.from('too early'))
    const { error }: CloseReason = await connection.closed
    return error
  } catch (error) {
    return error as NodosumError
  }
}

describe('a refusal that the network loses', () => {
  const refuse: VerifyPeer = () => {
    throw new NodosumError('ERR_NODOSUM_CERT_UNTRUSTED', 'not one of us')
  }

  it.each([
    ['by TLS', certificates.issueByStranger('spiffe://test/nodosum/shop/second'), readIdentity],
    ['after the handshake, whose end is lost too', second, refuse],
  ])(
    'is repeated to an acceptor, refused %s',
    async (_, stranger, verifyPeer) => {
      const acceptor = await start({ credentials: stranger })
      await acceptor.transport.listen(() => undefined)
      // The dialer's first datagram asks; what follows at once is its last flight and the refusal.
      let isLossy = true
      const wrap = dropping((number) => isLossy && number > 0)
      const dialer = await start({ credentials: first, verifyPeer, wrap })
      const error = await refusalOf(dialer.transport.connect(acceptor.address))
      expect(error?.code).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
      expect(acceptor.transport.snapshot().connections).toHaveLength(1)
      isLossy = false
      // It asks again after a second; by itself it would give up, without a reason, after five.
      await until(
        'the acceptor has heard',
        () => acceptor.transport.snapshot().counters.refusedIdentity === 1,
      )
      expect(acceptor.transport.snapshot().connections).toEqual([])
    },
    20_000,
  )

  it('is repeated to a dialer that thinks it is connected', async () => {
    const expired = certificates.issueExpired('spiffe://test/nodosum/shop/first')
    // The acceptor's first datagram is its flight of the handshake, the second one the refusal.
    const wrap = dropping((number) => number === 1)
    const acceptor = await start({ credentials: second, wrap })
    const accepted: Connection[] = []
    await acceptor.transport.listen((connection) => accepted.push(connection))
    const dialer = await start({ credentials: expired })
    const error = await refusalOf(dialer.transport.connect(acceptor.address))
    expect(error?.code).toBe('ERR_NODOSUM_CERT_EXPIRED')
    expect(accepted).toEqual([])
  }, 20_000)
})
