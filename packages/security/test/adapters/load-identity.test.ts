import { X509Certificate } from 'node:crypto'
import { parseClusterName, parseNodeId } from '@nodosum/kernel'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type IdentityContext,
  type IdentitySource,
  loadIdentity,
} from '../../src/adapters/load-identity.ts'
import { createPeerVerifier } from '../../src/adapters/peer-verifier.ts'
import {
  dayMs,
  type Issued,
  issue,
  nowMs,
  type Plan,
  serverAuth,
  shopUri,
} from '../certificates.ts'
import { errorOf } from '../errors.ts'

const context: IdentityContext = { cluster: parseClusterName('shop'), wallMs: nowMs }
const invalid = 'ERR_NODOSUM_CONFIG_INVALID'
const untrusted = 'ERR_NODOSUM_CERT_UNTRUSTED'
const mismatch = 'ERR_NODOSUM_IDENTITY_MISMATCH'

let ca: Issued
let good: Issued

beforeAll(async () => {
  ca = await issue({ ca: true })
  good = await issue({ issuer: ca })
})

function texts(change: Partial<IdentitySource> = {}): IdentitySource {
  return { certificate: good.pem, key: good.keyPem, ca: ca.pem, match: 'node', ...change }
}

async function refusalOf(change: Partial<IdentitySource>, within: Partial<IdentityContext> = {}) {
  return errorOf(() => loadIdentity(texts(change), { ...context, ...within }))
}

async function refusalOfLeaf(plan: Plan, change: Partial<IdentitySource> = {}) {
  const leaf = await issue({ issuer: ca, ...plan })
  return refusalOf({ certificate: leaf.pem, key: leaf.keyPem, ...change })
}

function countIn(pem: string): number {
  return pem.match(/-----BEGIN CERTIFICATE-----/g)?.length ?? 0
}

describe('the certificate of a CA', () => {
  it('is not taken for the one of a node, and is called what it is', async () => {
    const error = await refusalOf({ certificate: ca.pem, key: ca.keyPem })
    expect(error.code).toBe(untrusted)
    expect(error.message).toContain("is a CA certificate; give the node's own")
    expect(error.message).not.toContain('not among the configured CAs')
  })
})

describe('an identity from PEM text', () => {
  it('has the node, the URI and the end of its certificate', async () => {
    const identity = await loadIdentity(texts(), context)
    expect(identity).toMatchObject({ nodeId: 'shop-1', uri: shopUri, notAfterMs: nowMs + dayMs })
    const leaf = new X509Certificate(identity.certificatePem)
    expect(leaf.fingerprint256).toBe(new X509Certificate(good.pem).fingerprint256)
    expect(identity.keyPem).toContain('-----BEGIN PRIVATE KEY-----')
  })

  it('is accepted by the peers that trust the same CA', async () => {
    const { certificatePem, caPem } = await loadIdentity(texts(), context)
    const verify = createPeerVerifier({
      cluster: context.cluster,
      match: 'node',
      caPem,
      trustDomain: 'example.org',
      now: () => nowMs,
    })
    expect(verify([new X509Certificate(certificatePem).raw]).nodeId).toBe('shop-1')
  })

  it('keeps the intermediates to present and leaves out a root that was put beside them', async () => {
    for (const subject of ['CN=Middle', 'CN=Test CA']) {
      const middle = await issue({ ca: true, subject, issuer: ca })
      const leaf = await issue({ issuer: middle })
      const certificate = leaf.pem + middle.pem + ca.pem
      const identity = await loadIdentity(texts({ certificate, key: leaf.keyPem }), context)
      expect(countIn(identity.certificatePem)).toBe(2)
      expect(countIn(identity.caPem)).toBe(1)
    }
  })

  it('reads past comments, and keeps both CAs while one replaces the other', async () => {
    const next = await issue({ ca: true, subject: 'CN=Next' })
    const identity = await loadIdentity(
      texts({
        certificate: `subject=CN = shop-1\r\n${good.pem}`,
        ca: `# old\n${ca.pem}${next.pem}`,
      }),
      context,
    )
    expect(countIn(identity.caPem)).toBe(2)
  })

  it('names no node when replicas share its certificate', async () => {
    const leaf = await issue({ issuer: ca, uris: ['spiffe://example.org/ns/shop/sa/web'] })
    const shared = texts({ certificate: leaf.pem, key: leaf.keyPem, match: 'cluster' })
    const identity = await loadIdentity(shared, { ...context, nodeId: parseNodeId('any') })
    expect([identity.nodeId, identity.uri]).toEqual([null, 'spiffe://example.org/ns/shop/sa/web'])
  })
})

describe('the key', () => {
  it('is refused when it is of another certificate, without being quoted', async () => {
    const other = await issue({ issuer: ca })
    const error = await refusalOf({ key: other.keyPem })
    expect(error.code).toBe(invalid)
    expect(error.message).toMatch(/identity\.key does not belong to .*identity\.certificate/)
    expect(error.message).not.toContain(other.keyPem.split('\n')[1])
  })

  it('is refused with the position of its certificate when that is not first', async () => {
    const error = await refusalOf({ certificate: ca.pem + good.pem })
    expect(error.message).toContain('belongs to certificate 2')
  })

  it.each([
    ['encrypted', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n', 'is encrypted'],
    ['encrypted in the old form', 'Proc-Type: 4,ENCRYPTED\n', 'is encrypted'],
    ['empty', '', 'is no private key'],
    ['damaged', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'is no private'],
  ])('is refused when it is %s', async (_, key, words) => {
    const error = await refusalOf({ key })
    expect([error.code, error.message]).toEqual([invalid, expect.stringContaining(words)])
    expect(error.details).toMatchObject({ source: 'identity.key' })
  })
})

describe('the certificate', () => {
  it('is refused when it is expired or not valid yet, with both times', async () => {
    const over = await refusalOf({}, { wallMs: nowMs + 2 * dayMs })
    expect(over.code).toBe('ERR_NODOSUM_CERT_EXPIRED')
    expect(over.message).toContain('is expired')
    expect(over.message).toContain('2030-01-17T00:00:00.000Z')
    const early = await refusalOf({}, { wallMs: nowMs - 2 * dayMs })
    expect(early.code).toBe('ERR_NODOSUM_CERT_EXPIRED')
    expect(early.message).toContain('not valid yet')
  })

  it('is refused from another CA, naming both sources', async () => {
    const other = await issue({ ca: true, subject: 'CN=Other' })
    const error = await refusalOf({ ca: other.pem })
    expect(error.code).toBe(untrusted)
    expect(error.message).toContain('identity.certificate: the certificate was issued by')
    expect(error.message).toContain('identity.ca')
  })

  it('is refused without both usages, with two names, or without a name', async () => {
    const usage = await refusalOfLeaf({ usages: [serverAuth] })
    expect([usage.code, usage.message]).toEqual([untrusted, expect.stringContaining('clientAuth')])
    expect((await refusalOfLeaf({ uris: [shopUri, `${shopUri}0`] })).code).toBe(untrusted)
    expect((await refusalOfLeaf({ uris: [] })).code).toBe(untrusted)
  })

  it('is refused when it names another cluster, another node or a mere role', async () => {
    const bank = await refusalOfLeaf({ uris: ['spiffe://example.org/nodosum/bank/shop-1'] })
    expect([bank.code, bank.message]).toEqual([mismatch, expect.stringContaining('"bank"')])
    const node = await refusalOf({}, { nodeId: parseNodeId('shop-2') })
    expect([node.code, node.message]).toEqual([mismatch, expect.stringContaining('is shop-2')])
    const role = await refusalOfLeaf({ uris: ['spiffe://example.org/ns/shop/sa/web'] })
    expect(role.code).toBe(mismatch)
    const named = await loadIdentity(texts(), { ...context, nodeId: parseNodeId('shop-1') })
    expect(named.nodeId).toBe('shop-1')
  })

  it('is refused with more than five in its chain', async () => {
    const error = await refusalOf({ certificate: good.pem + ca.pem.repeat(5) })
    expect([error.code, error.message]).toEqual([invalid, expect.stringContaining('has 6')])
  })
})
