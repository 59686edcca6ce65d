import { X509Certificate } from 'node:crypto'
import { parseClusterName } from '@nodosum/kernel'
import fc from 'fast-check'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createPeerVerifier, type PeerVerifier } from '../../src/adapters/peer-verifier.ts'
import { type Issued, issue, nowMs } from '../certificates.ts'
import { errorOf } from '../errors.ts'

const untrusted = 'ERR_NODOSUM_CERT_UNTRUSTED'

const trusting = {
  cluster: parseClusterName('shop'),
  match: 'node',
  trustDomain: 'example.org',
  now: () => nowMs,
} as const

let good: Issued
let verify: PeerVerifier

beforeAll(async () => {
  const ca = await issue({ ca: true })
  good = await issue({ issuer: ca })
  verify = createPeerVerifier({ ...trusting, caPem: ca.pem })
})

describe('a hostile chain', () => {
  it('costs at most 128 signature checks, however its CAs sign each other', async () => {
    const subject = 'CN=Loop'
    const left = await issue({ ca: true, subject })
    const right = await issue({ ca: true, subject })
    const loops: Issued[] = []
    for (let count = 0; count < 6; count++) {
      const uris = [`spiffe://x/${count}`]
      loops.push(await issue({ ca: true, subject, uris, keys: left.keys, issuer: right }))
      loops.push(await issue({ ca: true, subject, uris, keys: right.keys, issuer: left }))
    }
    const leaf = await issue({ issuer: left })
    const search = createPeerVerifier({ ...trusting, caPem: loops.map(({ pem }) => pem).join('') })
    const checks = vi.spyOn(X509Certificate.prototype, 'verify')
    onTestFinished(() => checks.mockRestore())
    const error = await errorOf(() => search([leaf.der]))
    expect(error.code).toBe(untrusted)
    expect(checks.mock.calls.length).toBeGreaterThan(12)
    expect(checks.mock.calls.length).toBeLessThanOrEqual(128)
  })
})

describe('hostile bytes', () => {
  it('are refused wherever one bit of a good certificate is changed', async () => {
    expect(verify([good.der]).nodeId).toBe('shop-1')
    for (let at = 0; at < good.der.length; at++) {
      const changed = Uint8Array.from(good.der)
      changed[at] = (changed[at] as number) ^ (1 << (at & 7))
      const error = await errorOf(() => verify([changed]))
      expect(error.class, `byte ${at}`).toBe('security')
    }
  })

  it('are refused whatever few bytes of a good certificate are changed', async () => {
    const change = fc.record({
      at: fc.nat(good.der.length - 1),
      by: fc.integer({ min: 1, max: 255 }),
    })
    const changes = fc.uniqueArray(change, { minLength: 1, maxLength: 8, selector: ({ at }) => at })
    const property = fc.asyncProperty(changes, async (list) => {
      const changed = Uint8Array.from(good.der)
      for (const { at, by } of list) changed[at] = (changed[at] as number) ^ by
      expect((await errorOf(() => verify([changed]))).class).toBe('security')
    })
    await fc.assert(property, { numRuns: 500 })
  })

  it('are refused when cut', async () => {
    for (let length = 0; length < good.der.length; length++) {
      expect((await errorOf(() => verify([good.der.subarray(0, length)]))).code).toBe(untrusted)
    }
  })

  it('are refused when extended, empty, huge or random', async () => {
    const long = new Uint8Array(good.der.length + 1)
    long.set(good.der)
    expect((await errorOf(() => verify([long]))).code).toBe(untrusted)
    expect((await errorOf(() => verify([new Uint8Array(70_000)]))).code).toBe(untrusted)
    const beside = await errorOf(() => verify([good.der, Uint8Array.of(0x30, 0)]))
    expect([beside.code, beside.message]).toEqual([untrusted, expect.stringContaining('number 2')])
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 1_000 }), async (bytes) => {
      expect((await errorOf(() => verify([bytes]))).code).toBe(untrusted)
    })
    await fc.assert(property, { numRuns: 500 })
  })
})
