import { isNodosumError, type NodeId, NodosumError, type Scheduler } from '@nodosum/kernel'
import { systemScheduler } from '@nodosum/kernel/node'
import type { Connection } from '@nodosum/transport'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { makeCertificates } from '../certificates.ts'
import { readIdentity, startNode, type TestNode, type TestNodeOptions, until } from '../harness.ts'
import { rawDial } from '../raw-client.ts'
import { testSeal } from '../sealed.ts'

const certificates = makeCertificates()
const first = certificates.issue('spiffe://test/nodosum/shop/first')
const second = certificates.issue('spiffe://test/nodosum/shop/second')
const started: TestNode[] = []

afterAll(() => certificates.remove())
afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.close()))
})

async function start(options: TestNodeOptions): Promise<TestNode> {
  const node = await startNode(options)
  started.push(node)
  return node
}

/** The dialer may learn of a refusal during or after its own handshake. */
async function refusalOf(dial: Promise<Connection>): Promise<NodosumError> {
  try {
    const connection = await dial
    const reason = await connection.closed
    if (reason.error === null) throw new Error(`closed without an error: ${JSON.stringify(reason)}`)
    return reason.error
  } catch (error) {
    if (isNodosumError(error)) return error
    throw error
  }
}

async function dialBetween(
  dialer: TestNodeOptions,
  acceptor: TestNodeOptions,
): Promise<{ error: NodosumError; accepted: Connection[] }> {
  const a = await start(dialer)
  const b = await start(acceptor)
  const accepted: Connection[] = []
  await b.transport.listen((connection) => accepted.push(connection))
  const error = await refusalOf(a.transport.connect(b.address))
  return { error, accepted }
}

describe('authentication', () => {
  it('refuses a dialer whose certificate comes from another CA', async () => {
    const stranger = certificates.issueByStranger('spiffe://test/nodosum/shop/first')
    const { error, accepted } = await dialBetween(
      { credentials: stranger },
      { credentials: second },
    )
    expect(error.code).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
    expect(error.message).toContain('refused the certificate of this node')
    expect(accepted).toEqual([])
  })

  it('refuses an acceptor whose certificate comes from another CA', async () => {
    const stranger = certificates.issueByStranger('spiffe://test/nodosum/shop/second')
    const { error, accepted } = await dialBetween({ credentials: first }, { credentials: stranger })
    expect(error.code).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
    expect(error.message).toContain('was refused')
    expect(accepted).toEqual([])
  })

  it('refuses a dialer without a certificate', async () => {
    const b = await start({ credentials: second })
    const accepted: Connection[] = []
    await b.transport.listen((connection) => accepted.push(connection))
    const raw = await rawDial(b.address, {
      caPem: certificates.caPem,
      protocol: 'nodosum/1',
      handshakes: testSeal(),
    })
    await until('the acceptor refuses', () => b.transport.snapshot().counters.refusedIdentity === 1)
    await until('the dialer hears of it', () => raw.engine.peerError() !== null)
    expect(raw.engine.peerError()?.errorCode).toBe(0x100 + 116)
    await raw.close()
    expect(accepted).toEqual([])
  })

  it('refuses a dialer that says nothing more, which is told so at once', async () => {
    // Only packets drive this node, no timer: the answer belongs to the packet that was refused.
    const timeless: Scheduler = { ...systemScheduler(), after: () => ({ cancel: () => {} }) }
    const b = await start({ credentials: second, scheduler: timeless })
    await b.transport.listen(() => {})
    const raw = await rawDial(b.address, {
      caPem: certificates.caPem,
      protocol: 'nodosum/1',
      handshakes: testSeal(),
      neverResends: true,
    })
    await until('the dialer hears of it', () => raw.engine.peerError() !== null)
    await raw.close()
  })

  it('hands over what arrives all at once, up to the close', async () => {
    const b = await start({ credentials: second })
    const accepted: Connection[] = []
    let text = ''
    await b.transport.listen((connection) => {
      accepted.push(connection)
      connection.onStream = (stream) => {
        stream.onData = (chunk) => {
          text += Buffer.from(chunk).toString()
        }
      }
    })
    const receive = b.udp.onQuic
    const held: (() => void)[] = []
    let seen = 0
    b.udp.onQuic = (bytes, from) => {
      seen += 1
      // The first one begins the handshake; everything after it waits.
      if (seen === 1) receive?.(bytes, from)
      else held.push(() => receive?.(bytes, from))
    }
    const a = await start({ credentials: first, options: { closeTimeoutMs: 0 } })
    const connection = await a.transport.connect(b.address)
    connection.openStream().write(Buffer.from('short and done'))
    await until('it is sent', () => connection.stats().bufferedBytes === 0)
    await connection.close({ reason: 'done' })
    await until('all of it is there', () => {
      const isSent = a.udp.sendsInFlight === 0
      return isSent && b.udp.stats().receivedPackets === a.udp.stats().sentPackets
    })
    b.udp.onQuic = receive
    for (const release of held) release()
    await until('it is handed over', () => accepted.length === 1)
    const reason = await accepted[0]?.closed
    expect(text).toBe('short and done')
    expect(reason).toEqual({ code: 0, reason: 'done', remote: true, error: null })
  })

  it('rejects with the error of verifyPeer when the dialer refuses the identity', async () => {
    const refusal = new NodosumError('ERR_NODOSUM_IDENTITY_MISMATCH', 'not one of us')
    const { error } = await dialBetween(
      {
        credentials: first,
        verifyPeer: () => {
          throw refusal
        },
      },
      { credentials: second },
    )
    expect(error).toBe(refusal)
  })

  it('tells the dialer why when the acceptor refuses the identity', async () => {
    const { error, accepted } = await dialBetween(
      { credentials: first },
      {
        credentials: second,
        verifyPeer: () => {
          throw new NodosumError('ERR_NODOSUM_IDENTITY_MISMATCH', 'not one of us')
        },
      },
    )
    expect(error.code).toBe('ERR_NODOSUM_IDENTITY_MISMATCH')
    expect(error.details.remote).toBe(true)
    expect(accepted).toEqual([])
  })

  it('treats any other failure of verifyPeer as an untrusted certificate', async () => {
    const { error } = await dialBetween(
      {
        credentials: first,
        verifyPeer: () => {
          throw new TypeError('cannot parse')
        },
      },
      { credentials: second },
    )
    expect(error.code).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
    expect(error.message).toContain('cannot parse')
  })

  it('takes a role certificate, which names no node, for any expected node', async () => {
    const a = await start({
      credentials: first,
      verifyPeer: (chain) => ({ ...readIdentity(chain), nodeId: null }),
    })
    const b = await start({ credentials: second })
    await b.transport.listen(() => {})
    const connection = await a.transport.connect(b.address, { expect: 'third' as NodeId })
    expect(connection.peer.nodeId).toBeNull()
  })
})
