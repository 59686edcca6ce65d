import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { generateGossipKey, parseGossipKey } from '../../src/adapters/gossip-key.ts'
import { errorOf } from '../errors.ts'

describe('a gossip key', () => {
  it('is 256 random bits that one recognises', () => {
    const keys = Array.from({ length: 100 }, generateGossipKey)
    expect(new Set(keys).size).toBe(100)
    for (const key of keys) expect(key).toMatch(/^ngk1_[A-Za-z0-9_-]{43}$/)
  })

  it('parses to the same id and secret each time, also with a line break after it', () => {
    const text = generateGossipKey()
    const [one, two] = [parseGossipKey(text, 'a'), parseGossipKey(` ${text}\n`, 'b')]
    expect(one.id).toMatch(/^[0-9a-f]{8}$/)
    expect(two.id).toBe(one.id)
    expect(one.secret.equals(two.secret)).toBe(true)
    expect(one.secret.symmetricKeySize).toBe(32)
  })

  it('does not show its secret when printed or serialised', () => {
    const text = generateGossipKey()
    const key = parseGossipKey(text, 'a')
    const secret = Buffer.from(text.slice(5), 'base64url')
    const printed = inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key)
    for (const form of ['base64', 'base64url', 'hex', 'latin1'] as const) {
      expect(printed).not.toContain(secret.toString(form))
    }
  })

  it.each([
    ['no prefix', (key: string) => key.slice(5), 'does not begin with "ngk1_"'],
    ['another prefix', (key: string) => `ngk2_${key.slice(5)}`, 'does not begin with'],
    ['one character less', (key: string) => key.slice(0, -1), 'has 42 characters'],
    ['one character more', (key: string) => `${key}A`, 'has 44 characters'],
    ['a wrong character', (key: string) => `${key.slice(0, 20)}*${key.slice(21)}`, 'cannot have'],
    ['a space inside', (key: string) => `${key.slice(0, 20)} ${key.slice(21)}`, 'cannot have'],
    ['unused bits at its end', (key: string) => `${key.slice(0, -1)}B`, 'cannot have'],
    ['nothing', () => '', 'does not begin with'],
  ])('with %s is refused, without repeating it', async (_, change, words) => {
    const key = generateGossipKey()
    const error = await errorOf(() => parseGossipKey(change(key), 'gossipKeys[1]'))
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(error.message).toContain('gossipKeys[1]')
    expect(error.message).toContain(words)
    expect(error.message).not.toContain(key.slice(25, 40))
  })
})
