import { type ClusterName, parseClusterName } from '@nodosum/kernel'
import { beforeAll, describe, expect, it } from 'vitest'
import { createPeerVerifier, type PeerVerifierOptions } from '../../src/adapters/peer-verifier.ts'
import {
  clientAuth,
  dayMs,
  extension,
  type Issued,
  issue,
  keyUsages,
  namesIssuerKey,
  namesOwnKey,
  newKeys,
  newRsaKeys,
  nowMs,
  type Plan,
  serverAuth,
  shopUri,
} from '../certificates.ts'
import { errorOf } from '../errors.ts'

const shop: ClusterName = parseClusterName('shop')
const untrusted = 'ERR_NODOSUM_CERT_UNTRUSTED'
const expired = 'ERR_NODOSUM_CERT_EXPIRED'
const mismatch = 'ERR_NODOSUM_IDENTITY_MISMATCH'

let ca: Issued
let good: Issued

beforeAll(async () => {
  ca = await issue({ ca: true })
  good = await issue({ issuer: ca })
})

function verifier(options: Partial<PeerVerifierOptions> = {}) {
  return createPeerVerifier({
    cluster: shop,
    match: 'node',
    caPem: ca.pem,
    trustDomain: 'example.org',
    now: () => nowMs,
    ...options,
  })
}

async function refusal(plan: Plan, options: Partial<PeerVerifierOptions> = {}) {
  const leaf = await issue({ issuer: ca, ...plan })
  return errorOf(() => verifier(options)([leaf.der]))
}

describe('a good certificate', () => {
  it('gives the node it names, its URI, its end and its fingerprint', () => {
    const identity = verifier()([good.der])
    expect(identity).toEqual({
      nodeId: 'shop-1',
      uri: shopUri,
      notAfterMs: nowMs + dayMs,
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  it('may have DNS names beside its one URI', async () => {
    const leaf = await issue({ issuer: ca, dns: ['shop-1.internal'] })
    expect(verifier()([leaf.der]).nodeId).toBe('shop-1')
  })

  it('is accepted through intermediates, presented or configured, in any order', async () => {
    const middle = await issue({ ca: true, subject: 'CN=Middle', issuer: ca })
    const lower = await issue({ ca: true, subject: 'CN=Lower', issuer: middle })
    const leaf = await issue({ issuer: lower })
    expect(verifier()([leaf.der, lower.der, middle.der]).nodeId).toBe('shop-1')
    expect(verifier()([leaf.der, middle.der, lower.der]).nodeId).toBe('shop-1')
    expect(verifier({ caPem: ca.pem + middle.pem })([leaf.der, lower.der]).nodeId).toBe('shop-1')
  })

  it('is accepted from either of two CAs, also when both have the same name', async () => {
    const next = await issue({ ca: true })
    const leaf = await issue({ issuer: next })
    const both = verifier({ caPem: ca.pem + next.pem })
    expect(both([leaf.der]).nodeId).toBe('shop-1')
    expect(both([good.der]).nodeId).toBe('shop-1')
  })

  it('is accepted from a renewed CA while the old one of the same key is expired', async () => {
    const old = await issue({ ca: true, keys: ca.keys, notAfterMs: nowMs - 1_000 })
    expect(verifier({ caPem: old.pem + ca.pem })([good.der]).nodeId).toBe('shop-1')
  })
})

describe('the chain', () => {
  it('is refused without certificates', async () => {
    const error = await errorOf(() => verifier()([]))
    expect(error.code).toBe(untrusted)
    expect(error.message).toContain('missing')
  })

  it('is refused from another CA, also one of the same name', async () => {
    const other = await issue({ ca: true })
    const leaf = await issue({ issuer: other })
    for (const chain of [[leaf.der], [leaf.der, other.der]]) {
      const error = await errorOf(() => verifier()(chain))
      expect(error.code).toBe(untrusted)
      expect(error.message).toContain('not among the configured CAs')
    }
  })

  it('is refused when the leaf is self-signed', async () => {
    const leaf = await issue({})
    expect((await errorOf(() => verifier()([leaf.der]))).code).toBe(untrusted)
  })

  it('is refused when a node issued the certificate of another', async () => {
    const forged = await issue({ issuer: good, uris: ['spiffe://example.org/nodosum/shop/boss'] })
    const error = await errorOf(() => verifier()([forged.der, good.der]))
    expect(error.code).toBe(untrusted)
    expect(error.message).toContain('not a CA')
  })

  it('is refused when the issuer may not sign certificates', async () => {
    const weak = await issue({
      ca: true,
      subject: 'CN=Weak',
      issuer: ca,
      keyUsage: keyUsages.digitalSignature,
    })
    const leaf = await issue({ issuer: weak })
    const error = await errorOf(() => verifier()([leaf.der, weak.der]))
    expect(error.code).toBe(untrusted)
    expect(error.message).toContain('may not sign certificates')
  })

  it('is refused below a CA that allows no intermediates', async () => {
    const strict = await issue({ ca: true, subject: 'CN=Strict', pathLength: 0 })
    const middle = await issue({ ca: true, subject: 'CN=Middle', issuer: strict })
    const leaf = await issue({ issuer: middle })
    const direct = await issue({ issuer: strict })
    const verify = verifier({ caPem: strict.pem })
    expect(verify([direct.der]).nodeId).toBe('shop-1')
    const error = await errorOf(() => verify([leaf.der, middle.der]))
    expect(error.message).toContain('only 0 intermediates')
  })

  it('is refused through an intermediate that is not for TLS', async () => {
    const mail = await issue({
      ca: true,
      subject: 'CN=Mail',
      issuer: ca,
      usages: ['1.3.6.1.5.5.7.3.4'],
    })
    const leaf = await issue({ issuer: mail })
    const error = await errorOf(() => verifier()([leaf.der, mail.der]))
    expect(error.message).toContain('may not issue for serverAuth')
  })

  it('is refused through a CA with name constraints, which are not evaluated', async () => {
    const bound = await issue({
      ca: true,
      subject: 'CN=Bound',
      issuer: ca,
      extra: [extension('2.5.29.30', false, Uint8Array.of(0x30, 0))],
    })
    const leaf = await issue({ issuer: bound })
    const error = await errorOf(() => verifier()([leaf.der, bound.der]))
    expect(error.message).toContain('2.5.29.30')
  })

  it('is refused when only an intermediate is configured and not its root', async () => {
    const middle = await issue({ ca: true, subject: 'CN=Middle', issuer: ca })
    const leaf = await issue({ issuer: middle })
    expect((await errorOf(() => verifier({ caPem: middle.pem })([leaf.der]))).code).toBe(untrusted)
    const next = await issue({ ca: true, issuer: ca })
    const below = await issue({ issuer: next })
    expect((await errorOf(() => verifier({ caPem: next.pem })([below.der]))).code).toBe(untrusted)
    expect(verifier()([below.der, next.der]).nodeId).toBe('shop-1')
  })

  it('is refused with more than five certificates, presented or needed', async () => {
    let issuer = ca
    const chain: Uint8Array[] = []
    for (let depth = 0; depth < 4; depth++) {
      issuer = await issue({ ca: true, subject: `CN=Level ${depth}`, issuer })
      chain.unshift(issuer.der)
    }
    const leaf = await issue({ issuer })
    const presented = await errorOf(() => verifier()([leaf.der, ...chain]))
    expect(presented.code).toBe(untrusted)
    const more = await errorOf(() => verifier()([leaf.der, ...chain, ca.der]))
    expect(more.message).toContain('at most 4')
  })

  it('ends its search among CAs that sign each other', async () => {
    const keys = await newKeys()
    const self = await issue({ ca: true, subject: 'CN=Loop', keys })
    const loops = await Promise.all(
      [1, 2, 3].map(() => issue({ ca: true, subject: 'CN=Loop', keys, issuer: self })),
    )
    const leaf = await issue({ issuer: self })
    const error = await errorOf(() => verifier()([leaf.der, ...loops.map(({ der }) => der)]))
    expect(error.code).toBe(untrusted)
  })

  it('is refused with a SHA-1 signature or a weak key', async () => {
    const sha1 = await refusal({ hash: 'SHA-1' })
    expect([sha1.code, sha1.message]).toEqual([untrusted, expect.stringContaining('SHA-256')])
    const short = await refusal({ keys: await newRsaKeys(1_024) })
    expect([short.code, short.message]).toEqual([untrusted, expect.stringContaining('1024 bits')])
    const leaf = await issue({ issuer: ca, keys: await newRsaKeys(2_048) })
    expect(verifier()([leaf.der]).nodeId).toBe('shop-1')
  })

  it('is refused when the certificate names another key of an issuer with the same name', async () => {
    const other = await issue({ ca: true })
    const identified = await issue({ ca: true, keys: ca.keys, extra: [await namesOwnKey(ca.keys)] })
    const leaf = await issue({ issuer: ca, extra: [await namesIssuerKey(other.keys)] })
    const error = await errorOf(() => verifier({ caPem: identified.pem })([leaf.der]))
    expect([error.code, error.message]).toEqual([
      untrusted,
      expect.stringContaining('key identifier'),
    ])
  })
})

describe('the dates', () => {
  it('are checked on the leaf', async () => {
    const over = await refusal({ notAfterMs: nowMs - 1_000 })
    expect([over.code, over.message]).toEqual([expired, expect.stringContaining('expired')])
    const early = await refusal({ notBeforeMs: nowMs + 1_000 })
    expect([early.code, early.message]).toEqual([expired, expect.stringContaining('not valid yet')])
  })

  it('are checked on every certificate above it', async () => {
    const middle = await issue({
      ca: true,
      subject: 'CN=Middle',
      issuer: ca,
      notAfterMs: nowMs - 1_000,
    })
    const leaf = await issue({ issuer: middle })
    const error = await errorOf(() => verifier()([leaf.der, middle.der]))
    expect([error.code, error.message]).toEqual([expired, expect.stringContaining('CN=Middle')])
    const root = await errorOf(() => verifier({ now: () => nowMs + 2 * dayMs })([good.der]))
    expect(root.code).toBe(expired)
  })

  it('are read anew at each check', async () => {
    let now = nowMs
    const verify = verifier({ now: () => now })
    expect(verify([good.der]).nodeId).toBe('shop-1')
    now = nowMs + 2 * dayMs
    expect((await errorOf(() => verify([good.der]))).code).toBe(expired)
  })
})

describe('usages and kind', () => {
  it.each([
    ['serverAuth', [clientAuth]],
    ['clientAuth', [serverAuth]],
    ['serverAuth and clientAuth', null],
    ['serverAuth and clientAuth', ['2.5.29.37.0']],
  ])('without %s the certificate is refused', async (missing, usages) => {
    const error = await refusal({ usages })
    expect(error.code).toBe(untrusted)
    expect(error.message).toContain(`lacks the extended key usage ${missing};`)
  })

  it('a CA is not taken for a node', async () => {
    const error = await refusal({ ca: true, uris: [shopUri], usages: [serverAuth, clientAuth] })
    expect([error.code, error.message]).toEqual([untrusted, expect.stringContaining('is a CA')])
  })

  it('a certificate that may not sign handshakes is refused', async () => {
    const error = await refusal({ keyUsage: keyUsages.keyAgreement })
    expect(error.code).toBe(untrusted)
    expect(error.message).toContain('digitalSignature')
  })

  it('a critical extension that nobody here understands is refused', async () => {
    const odd = extension('1.2.3.4', true, Uint8Array.of(5, 0))
    expect((await refusal({ extra: [odd] })).message).toContain('1.2.3.4')
    const harmless = extension('1.2.3.4', false, Uint8Array.of(5, 0))
    const leaf = await issue({ issuer: ca, extra: [harmless] })
    expect(verifier()([leaf.der]).nodeId).toBe('shop-1')
  })
})

describe('the name', () => {
  it('must be exactly one URI', async () => {
    const two = await refusal({ uris: [shopUri, 'spiffe://example.org/nodosum/shop/shop-2'] })
    expect([two.code, two.message]).toEqual([untrusted, expect.stringContaining('2 URI names')])
    const twice = await refusal({ uris: [shopUri, shopUri] })
    expect(twice.code).toBe(untrusted)
    const none = await refusal({ uris: [], dns: ['shop-1'] })
    expect([none.code, none.message]).toEqual([untrusted, expect.stringContaining('no URI name')])
  })

  it('must be of this cluster and this trust domain', async () => {
    const cluster = await refusal({ uris: ['spiffe://example.org/nodosum/bank/shop-1'] })
    expect([cluster.code, cluster.message]).toEqual([mismatch, expect.stringContaining('"bank"')])
    const domain = await refusal({ uris: ['spiffe://example.com/nodosum/shop/shop-1'] })
    expect([domain.code, domain.message]).toEqual([mismatch, expect.stringContaining('.com')])
  })

  it('must be of a node unless one certificate serves the cluster', async () => {
    const uris = ['spiffe://example.org/ns/shop/sa/web']
    const error = await refusal({ uris })
    expect([error.code, error.message]).toEqual([
      mismatch,
      expect.stringContaining("identity.match to 'cluster'"),
    ])
    const leaf = await issue({ issuer: ca, uris })
    const identity = verifier({ match: 'cluster' })([leaf.der])
    expect([identity.nodeId, identity.uri]).toEqual([null, uris[0]])
  })

  it('of a shared certificate must be of this cluster, of this domain, and accepted', async () => {
    const match = 'cluster'
    const other = await refusal({ uris: ['spiffe://example.org/nodosum/bank/web'] }, { match })
    expect(other.code).toBe(mismatch)
    const domain = await refusal({ uris: ['spiffe://evil.org/ns/shop/sa/web'] }, { match })
    expect(domain.code).toBe(mismatch)
    const web = 'spiffe://example.org/ns/shop/sa/web'
    const acceptedUris = [web]
    const mail = await refusal(
      { uris: ['spiffe://example.org/ns/mail/sa/web'] },
      { match, acceptedUris },
    )
    expect(mail.code).toBe(mismatch)
    const leaf = await issue({ issuer: ca, uris: [web] })
    expect(verifier({ match, acceptedUris })([leaf.der]).uri).toBe(web)
  })

  it.each([
    `${shopUri}", URI:"spiffe://x`,
    `${shopUri}, URI:spiffe://example.org/nodosum/shop/shop-2`,
    `${shopUri},URI:spiffe://example.org/nodosum/shop/shop-2`,
    `https://evil.org/", URI:"${shopUri}`,
    `${shopUri}\0.evil`,
    `${shopUri}\n`,
    `${shopUri}/`,
    `${shopUri}?x`,
    `${shopUri}#x`,
    'spiffe://example.org/nodosum/shop/%73hop-1',
    'spiffe://example.org/nodosum/shop/../shop/shop-1',
    'spiffe://example.org//nodosum/shop/shop-1',
    'spiffe://example.org:443/nodosum/shop/shop-1',
    'spiffe://user@example.org/nodosum/shop/shop-1',
    'SPIFFE://example.org/nodosum/shop/shop-1',
    'spiffe://EXAMPLE.ORG/nodosum/shop/shop-1',
    'spiffe://example.org',
    'spiffe:///nodosum/shop/shop-1',
    'https://example.org/nodosum/shop/shop-1',
    '',
  ])('is refused when it only resembles a good one: %j', async (uri) => {
    expect((await refusal({ uris: [uri] })).class).toBe('security')
    const shared = await refusal({ uris: [uri] }, { match: 'cluster', acceptedUris: [shopUri] })
    expect(shared.class).toBe('security')
  })

  it.each([`URI:${shopUri}`, `x, URI:${shopUri}`, `x", URI:"${shopUri}`])(
    'is not taken from a DNS name: %s',
    async (dns) => {
      expect((await refusal({ uris: [], dns: [dns] })).code).toBe(untrusted)
    },
  )
})

describe('the options', () => {
  it('are refused with a CA or trust domain that cannot be right', async () => {
    for (const caPem of ['', 'x', good.pem.slice(0, 60), good.keyPem]) {
      expect((await errorOf(() => verifier({ caPem }))).code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    }
    for (const trustDomain of ['', 'Example.org', 'a/b', 'a'.repeat(256)]) {
      const error = await errorOf(() => verifier({ trustDomain }))
      expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    }
  })

  it('are refused with more CAs than the limit', async () => {
    expect(verifier({ caPem: ca.pem.repeat(64) })([good.der]).nodeId).toBe('shop-1')
    const error = await errorOf(() => verifier({ caPem: ca.pem.repeat(65) }))
    expect(error.message).toContain('more than 64')
  })
})
