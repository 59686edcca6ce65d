import { X509Certificate } from 'node:crypto'
import { connect as connectTls } from 'node:tls'
import { isNodosumError, type NodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import {
  certificates,
  closers,
  codeOf,
  first,
  listen,
  readIdentity,
  second,
  start,
  until,
} from '../nodes.ts'
import { dialTcp, dialTls, goneOf, type RawDialOptions } from '../raw-peer.ts'

describe('a stranger', () => {
  it.each<[string, RawDialOptions, string]>([
    ['without a certificate', { credentials: { caPem: certificates.caPem } }, 'refusedIdentity'],
    [
      'with another application protocol',
      { credentials: first, protocols: ['http/1.1'] },
      'failedHandshakes',
    ],
    ['without any application protocol', { credentials: first, protocols: [] }, 'refusedVersion'],
    ['with TLS 1.2', { credentials: first, maxVersion: 'TLSv1.2' }, 'failedHandshakes'],
  ])('%s is refused, counted, and never surfaces', async (_, options, counter) => {
    const node = await listen()
    try {
      const socket = await dialTls(node.address, options)
      socket.resume()
      await goneOf(socket)
    } catch {
      // The handshake of TLS failed already.
    }
    await until('it is counted', () => node.counters()[counter] === 1)
    await until('nothing is left', () => node.transport.snapshot().connections.length === 0)
    expect(node.accepted).toEqual([])
    expect(node.counters().established).toBe(0)
  })

  it('that resumes an earlier TLS session is refused: it proves nothing now', async () => {
    const node = await listen()
    const socket = await dialTls(node.address, { credentials: first })
    const session = await new Promise<Buffer>((resolve) => {
      socket.once('session', resolve)
      socket.resume()
    })
    socket.destroy()
    await until('the first is gone', () => node.transport.snapshot().connections.length === 0)
    const again = await dialTls(node.address, { credentials: first, session })
    expect(again.isSessionReused()).toBe(true)
    again.resume()
    await goneOf(again)
    await until('it is counted', () => node.counters().refusedIdentity === 1)
    expect(node.accepted).toEqual([])
  })

  it('that speaks plain HTTP/1 is let go', async () => {
    const node = await listen()
    const socket = await dialTcp(node.address)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    socket.resume()
    await goneOf(socket)
    await until('it is counted', () => node.counters().failedHandshakes === 1)
    expect(node.accepted).toEqual([])
  })

  it('with a good certificate that never asks for the control stream is let go in time', async () => {
    const node = await listen({ options: { connectTimeoutMs: 300 } })
    const socket = await dialTls(node.address, { credentials: first })
    socket.resume()
    await goneOf(socket)
    expect(node.counters()).toMatchObject({ handshakeTimeouts: 1, established: 0 })
    expect(node.accepted).toEqual([])
  })
})

describe('certificates', () => {
  it('may come with intermediates, which reach the verifier leaf first', async () => {
    const credentials = certificates.issueByIntermediate('spiffe://test/nodosum/shop/third')
    const subjects: string[][] = []
    const verifyPeer = (chain: readonly Uint8Array[]) => {
      subjects.push(chain.map((der) => new X509Certificate(der).subject))
      return readIdentity(chain)
    }
    const third = await listen({ credentials, verifyPeer })
    const dialer = start({ credentials, verifyPeer })
    const connection = await dialer.connect(third.address)
    await until('it is accepted', () => third.accepted.length === 1)
    expect([connection.peer.nodeId, third.accepted[0]?.peer.nodeId]).toEqual(['third', 'third'])
    expect(subjects).toHaveLength(2)
    for (const [leaf, next] of subjects) {
      expect(leaf).toMatch(/^CN=leaf/)
      expect(next).toBe('CN=intermediate')
    }
  })

  it('are checked although the environment tells Node not to', async () => {
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
    closers.push(() => {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
    })
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    const stranger = certificates.issueByStranger('spiffe://test/nodosum/shop/second')
    const bad = await listen({ credentials: stranger })
    expect(await codeOf(start().connect(bad.address))).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
    const good = await listen()
    const dial = start({ credentials: stranger }).connect(good.address)
    expect(await codeOf(dial)).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
    expect([...bad.accepted, ...good.accepted]).toEqual([])
  })

  it('that a verifier cannot read are untrusted, whatever it throws', async () => {
    const node = await listen()
    const verifyPeer = () => {
      throw new TypeError('cannot parse')
    }
    const error: unknown = await start({ verifyPeer })
      .connect(node.address)
      .catch((thrown: unknown) => thrown)
    expect(isNodosumError(error, 'ERR_NODOSUM_CERT_UNTRUSTED')).toBe(true)
    expect(String(error)).toContain('cannot parse')
  })

  it('that name no node are taken for any expected node', async () => {
    const node = await listen()
    const verifyPeer = (chain: readonly Uint8Array[]) => ({ ...readIdentity(chain), nodeId: null })
    const dial = start({ verifyPeer }).connect(node.address, { expect: 'third' as NodeId })
    expect((await dial).peer.nodeId).toBeNull()
  })

  it('lead to refusals that the refused dialer can read', async () => {
    const expired = certificates.issueExpired('spiffe://test/nodosum/shop/first')
    const node = await listen()
    const error: unknown = await start({ credentials: expired })
      .connect(node.address)
      .catch((thrown: unknown) => thrown)
    expect(isNodosumError(error, 'ERR_NODOSUM_CERT_EXPIRED')).toBe(true)
    expect(String(error)).toContain('refused the certificate of this node')
    expect(error).toMatchObject({ details: { remote: true } })
  })
})

describe('TLS', () => {
  it('is 1.3 with the protocol h2', async () => {
    const node = await listen()
    const { certificatePem, keyPem, caPem } = second
    const socket = connectTls({
      ...node.address,
      cert: certificatePem,
      key: keyPem,
      ca: caPem,
      ALPNProtocols: ['x', 'h2'],
      checkServerIdentity: () => undefined,
    })
    closers.push(() => socket.destroy())
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    expect([socket.getProtocol(), socket.alpnProtocol]).toEqual(['TLSv1.3', 'h2'])
  })
})
