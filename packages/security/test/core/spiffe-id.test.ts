import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeNamedBy, nodeUri, parseSpiffeId } from '../../src/core/spiffe-id.ts'

const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/)
const domain = fc.stringMatching(/^[a-z0-9._-]{1,30}$/)

describe('a SPIFFE id', () => {
  it('of a node names its cluster and node', () => {
    fc.assert(
      fc.property(domain, word, word, (trustDomain, cluster, nodeId) => {
        const id = parseSpiffeId(nodeUri(trustDomain, cluster, nodeId))
        expect(id?.trustDomain).toBe(trustDomain)
        expect(id === undefined ? id : nodeNamedBy(id)).toEqual({ cluster, nodeId })
      }),
    )
  })

  it('is taken apart only into parts that give the same text again', () => {
    const part = fc.oneof(word, fc.constantFrom('.', '..', '', '%41', 'a b', ':', '@', '#', '?'))
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.string({ maxLength: 5 }), (parts, tail) => {
        const uri = `spiffe://${parts.join('/')}${tail}`
        const id = parseSpiffeId(uri)
        if (id === undefined) return
        expect(`spiffe://${[id.trustDomain, ...id.segments].join('/')}`).toBe(uri)
        expect(id.segments.length).toBeGreaterThan(0)
        for (const segment of id.segments) expect(segment).toMatch(/^(?!\.\.?$)[A-Za-z0-9._-]+$/)
      }),
      { numRuns: 1_000 },
    )
  })

  it.each([
    ['a role', 'spiffe://example.org/ns/shop/sa/web'],
    ['another first segment', 'spiffe://example.org/nodes/shop/shop-1'],
    ['a segment too many', 'spiffe://example.org/nodosum/shop/shop-1/x'],
    ['a segment too few', 'spiffe://example.org/nodosum/shop'],
    ['a node id that is too long', `spiffe://example.org/nodosum/shop/${'x'.repeat(65)}`],
  ])('that is %s names no node', (_, uri) => {
    const id = parseSpiffeId(uri)
    expect(id === undefined ? 'no id' : nodeNamedBy(id)).toBeUndefined()
  })

  it('has at most 2,048 characters, its trust domain at most 255', () => {
    const start = 'spiffe://example.org/'
    expect(parseSpiffeId(start + 'x'.repeat(2_048 - start.length))).toBeDefined()
    expect(parseSpiffeId(start + 'x'.repeat(2_049 - start.length))).toBeUndefined()
    expect(parseSpiffeId(`spiffe://${'a'.repeat(255)}/x`)).toBeDefined()
    expect(parseSpiffeId(`spiffe://${'a'.repeat(256)}/x`)).toBeUndefined()
  })
})
