import { isNodosumError, NodosumError, parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { identifyPeer } from '../../src/core/identify-peer.ts'
import type { VerifyPeer } from '../../src/index.ts'

const chain = [Uint8Array.of(1)]
const identity = {
  nodeId: parseNodeId('a'),
  uri: 'spiffe://a/b',
  fingerprint: '',
  notAfterMs: 0,
}
const role = { ...identity, nodeId: null }

function outcome(
  given: readonly Uint8Array[] | null,
  verifyPeer: VerifyPeer,
  expected: string | undefined,
): string {
  const expect = expected === undefined ? undefined : parseNodeId(expected)
  try {
    return identifyPeer(given, { verifyPeer, expect, peer: 'it' }).uri
  } catch (error) {
    return isNodosumError(error) ? `${error.code}: ${error.message}` : String(error)
  }
}

describe('who is at the other end', () => {
  it('is whom verifyPeer has found, if it is the one that was dialed or names a role', () => {
    expect(outcome(chain, () => identity, 'a')).toBe('spiffe://a/b')
    expect(outcome(chain, () => identity, undefined)).toBe('spiffe://a/b')
    expect(outcome(chain, () => role, 'b')).toBe('spiffe://a/b')
    expect(outcome(chain, () => identity, 'b')).toMatch(
      /^ERR_NODOSUM_IDENTITY_MISMATCH: it was dialed as node b, but its certificate names a/,
    )
  })

  it('is nobody without a certificate: verifyPeer is not even asked', () => {
    for (const none of [null, []]) {
      expect(outcome(none, () => identity, undefined)).toMatch(/^ERR_NODOSUM_CERT_UNTRUSTED/)
    }
  })

  it('is nobody when verifyPeer throws, whatever it throws', () => {
    const expired = (): never => {
      throw new NodosumError('ERR_NODOSUM_CERT_EXPIRED', 'over')
    }
    expect(outcome(chain, expired, undefined)).toBe('ERR_NODOSUM_CERT_EXPIRED: over')
    const broken = (): never => {
      throw new TypeError('a bug')
    }
    expect(outcome(chain, broken, undefined)).toBe(
      'ERR_NODOSUM_CERT_UNTRUSTED: the certificate of it could not be checked: a bug',
    )
  })
})
