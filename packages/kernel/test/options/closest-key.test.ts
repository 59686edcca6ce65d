import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closestKey } from '../../src/options/closest-key.ts'
import { grouped } from '../../src/options/schema-node.ts'

const known = ['listen', 'advertise', 'discovery', 'join', 'identity', 'gossipKeys', 'port']

describe('closestKey', () => {
  it.each([
    ['lisen', 'listen'],
    ['lsiten', 'listen'],
    ['LISTEN', 'listen'],
    ['listenn', 'listen'],
    ['gossipKey', 'gossipKeys'],
    ['advertiseHost', 'advertise'],
    ['disc', 'discovery'],
    ['prot', 'port'],
  ])('takes %s for %s', (given, meant) => {
    expect(closestKey(given, known)).toBe(meant)
  })

  it.each(['x', 'compression', '', 'k'.repeat(65)])('has no guess for %j', (given) => {
    expect(closestKey(given, known)).toBeUndefined()
  })

  it('prefers the nearer of two', () => {
    expect(closestKey('prot', ['part', 'port'])).toBe('port')
    expect(closestKey('portx', ['portal', 'ports'])).toBe('ports')
    expect(closestKey('port', ['portMax', 'post', 'ports'])).toMatch(/^(post|ports)$/)
  })

  it('finds a key itself, wherever it stands in the list', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z]{1,20}$/), { minLength: 1 }), (keys) => {
        for (const key of keys) expect(closestKey(key, keys)).toBe(key)
      }),
    )
  })
})

describe('grouped', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1_000, '1,000'],
    [-1_234_567, '-1,234,567'],
    [1_234.5, '1,234.5'],
    [0.125, '0.125'],
    [1e21, '1e+21'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
  ])('writes %d as %s', (value, expected) => {
    expect(grouped(value)).toBe(expected)
  })
})
