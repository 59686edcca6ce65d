import { parseClusterName } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CertificateFields,
  usageClientAuth,
  usageServerAuth,
} from '../../src/core/certificate-fields.ts'
import { checkLeaf, type LeafDemands, shown, shownTextMax } from '../../src/core/leaf-policy.ts'

const uri = 'spiffe://example.org/nodosum/shop/shop-1'
const fields: CertificateFields = {
  signatureAlgorithm: '1.3.101.112',
  uris: [uri],
  extendedKeyUsages: [usageServerAuth, usageClientAuth],
  isAuthority: false,
  pathLength: undefined,
  keyUsage: undefined,
  notUnderstood: [],
}
const demands: LeafDemands = {
  cluster: parseClusterName('shop'),
  match: 'node',
  trustDomain: undefined,
  acceptedUris: undefined,
}

describe('a leaf', () => {
  it('without a key usage extension may do everything', () => {
    expect(checkLeaf(fields, demands)).toEqual({
      uri,
      trustDomain: 'example.org',
      nodeId: 'shop-1',
    })
  })

  it('that may sign certificates is taken for a CA, whatever it says of itself', () => {
    const keyUsage = { digitalSignature: true, certificateSign: true }
    expect(checkLeaf({ ...fields, keyUsage }, demands)).toMatchObject({
      code: 'ERR_NODOSUM_CERT_UNTRUSTED',
      problem: expect.stringContaining('is a CA'),
    })
  })

  it('names a node only when it is of this cluster, in every way to match', () => {
    const part = fc.constantFrom('shop', 'bank', 'nodosum', 'shop-1', 'Shop', 'a.b')
    const path = fc.array(part, { minLength: 1, maxLength: 4 })
    const match = fc.constantFrom('node' as const, 'cluster' as const)
    fc.assert(
      fc.property(path, match, (parts, match) => {
        const named = `spiffe://example.org/${parts.join('/')}`
        const name = checkLeaf({ ...fields, uris: [named] }, { ...demands, match })
        const [first, cluster] = parts
        const isNode = parts.length === 3 && first === 'nodosum'
        if ('problem' in name) {
          expect(name.code).toBe('ERR_NODOSUM_IDENTITY_MISMATCH')
          expect(isNode ? cluster : match).not.toBe(isNode ? 'shop' : 'cluster')
        } else {
          expect(isNode ? cluster : match).toBe(isNode ? 'shop' : 'cluster')
          expect(name.nodeId).toBe(match === 'node' ? parts[2] : null)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('is refused in words that show the form to use', () => {
    const expectForm = (trustDomain: string | undefined, form: string) => {
      const refusal = checkLeaf({ ...fields, uris: [] }, { ...demands, trustDomain })
      expect(refusal).toMatchObject({ problem: expect.stringContaining(form) })
    }
    expectForm(undefined, 'spiffe://<trust domain>/nodosum/shop/<node id>')
    expectForm('example.org', 'spiffe://example.org/nodosum/shop/<node id>')
    const shared = checkLeaf({ ...fields, uris: ['x'] }, { ...demands, match: 'cluster' })
    expect(shared).toMatchObject({
      problem: expect.stringContaining('spiffe://<trust domain>/<path>'),
    })
  })
})

describe('foreign text in a message', () => {
  it('is quoted, on one line, and bounded', () => {
    fc.assert(
      fc.property(fc.uint16Array({ maxLength: 400 }), (units) => {
        const words = shown(String.fromCharCode(...units))
        expect(words).toMatch(/^"[^\n\r]*"$/)
        expect(words.length).toBeLessThanOrEqual((shownTextMax + 1) * 6 + 2)
      }),
    )
  })
})
