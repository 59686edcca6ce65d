import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createRetryTokens, retryTokenLifetimeMs } from '../../src/adapters/retry-tokens.ts'

const from = { host: '10.0.0.1', port: 6_969 }
const retryId = randomBytes(20)
const originalId = randomBytes(16)
const grant = { from, retryId, originalId }
const startMs = 1_000_000

describe('a token', () => {
  it('gives back the original id to whom it was made for, up to its end', () => {
    const tokens = createRetryTokens()
    const token = tokens.issue(grant, startMs)
    for (const laterMs of [0, 1, retryTokenLifetimeMs / 2, retryTokenLifetimeMs - 1]) {
      expect(tokens.check(token, grant, startMs + laterMs)).toEqual(originalId)
    }
    expect(tokens.check(token, grant, startMs + retryTokenLifetimeMs)).toBeUndefined()
  })

  it('is good for its whole time, whenever in the life of its key it was made', () => {
    const tokens = createRetryTokens()
    for (let atMs = startMs; atMs < startMs + 3 * retryTokenLifetimeMs; atMs += 700) {
      const token = tokens.issue(grant, atMs)
      expect(tokens.check(token, grant, atMs + retryTokenLifetimeMs - 1)).toEqual(originalId)
      expect(tokens.check(token, grant, atMs + retryTokenLifetimeMs)).toBeUndefined()
    }
  })

  it('is worth nothing at another address or for another id', () => {
    const tokens = createRetryTokens()
    const token = tokens.issue(grant, startMs)
    const others = [
      { from: { ...from, port: 6_970 }, retryId },
      { from: { ...from, host: '10.0.0.2' }, retryId },
      // Where address and port meet must not matter.
      { from: { host: '10.0.0.16', port: 969 }, retryId },
      { from, retryId: randomBytes(20) },
    ]
    for (const other of others) expect(tokens.check(token, other, startMs)).toBeUndefined()
  })

  it('is worth nothing with any bit changed, cut, or longer', () => {
    const tokens = createRetryTokens()
    const token = tokens.issue(grant, startMs)
    for (let bit = 0; bit < token.length * 8; bit += 1) {
      const changed = Buffer.from(token)
      changed[bit >> 3] = changed.readUInt8(bit >> 3) ^ (1 << (bit & 7))
      expect(tokens.check(changed, grant, startMs), `bit ${bit}`).toBeUndefined()
    }
    for (let length = 0; length < token.length; length += 1) {
      expect(tokens.check(token.subarray(0, length), grant, startMs)).toBeUndefined()
    }
    expect(tokens.check(Buffer.concat([token, Buffer.alloc(1)]), grant, startMs)).toBeUndefined()
    expect(tokens.check(randomBytes(token.length), grant, startMs)).toBeUndefined()
  })

  it('of another process, or of a key that is gone, is worth nothing', () => {
    const tokens = createRetryTokens()
    const token = tokens.issue(grant, startMs)
    expect(createRetryTokens().check(token, grant, startMs)).toBeUndefined()
    // The clock may go back afterwards: the key has been forgotten all the same.
    expect(tokens.check(token, grant, startMs + 5 * retryTokenLifetimeMs)).toBeUndefined()
    expect(tokens.check(token, grant, startMs)).toBeUndefined()
  })

  it('tells nobody what it says, and no two are alike', () => {
    const tokens = createRetryTokens()
    const [one, two] = [tokens.issue(grant, startMs), tokens.issue(grant, startMs)]
    expect(Buffer.from(one)).not.toEqual(Buffer.from(two))
    expect(Buffer.from(one).indexOf(originalId)).toBe(-1)
  })
})
