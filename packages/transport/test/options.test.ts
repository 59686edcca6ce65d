import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { dialerOptions } from '../src/index.ts'

/** What a refusal says; empty when the input was taken. */
function refusal(input: unknown): string {
  try {
    dialerOptions.parse(input)
    return ''
  } catch (error) {
    if (isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID')) return error.message
    throw error
  }
}

describe('dialer options', () => {
  it('have the defaults that the README names', () => {
    expect(dialerOptions.parse({})).toEqual({
      attemptsMax: 16,
      queueMax: 256,
      addressesMax: 4,
      backoffBaseMs: 200,
      backoffMaxMs: 10_000,
      failuresMax: 1_024,
    })
  })

  it('accept the ends of each range and refuse one beyond, naming the key', () => {
    const ranges = {
      attemptsMax: [1, 1_024],
      queueMax: [1, 65_536],
      addressesMax: [1, 16],
      backoffBaseMs: [1, 60_000],
      backoffMaxMs: [1, 600_000],
      failuresMax: [1, 65_536],
    } as const
    for (const [key, [min, max]] of Object.entries(ranges)) {
      expect([refusal({ [key]: min }), refusal({ [key]: max })], key).toEqual(['', ''])
      for (const wrong of [min - 1, max + 1, min + 0.5, Number.NaN, '5']) {
        expect(refusal({ [key]: wrong }), `${key} ${wrong}`).toContain(key)
      }
    }
  })

  it('name every problem at once, and what a misspelt key may have meant', () => {
    const message = refusal({ attemptMax: 3, queueMax: 0 })
    expect(message).toContain('queueMax')
    expect(message).toContain('attemptsMax')
  })
})
