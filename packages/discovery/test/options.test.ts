import { describe, expect, it } from 'vitest'
import { discoveryOptions } from '../src/options.ts'
import { errorOf } from './errors.ts'

describe('the options', () => {
  it('have defaults, and are frozen', () => {
    const options = discoveryOptions.parse({})
    expect(options).toEqual({
      addressesMax: 128,
      lookupTimeoutMs: 5_000,
      recordsMax: 1_024,
      dnsTtlMinMs: 1_000,
      dnsTtlMaxMs: 30_000,
      consulWaitMs: 30_000,
      answerBytesMax: 1_048_576,
      fileBytesMax: 1_048_576,
    })
    expect(Object.isFrozen(options)).toBe(true)
    expect(discoveryOptions.parse(undefined)).toEqual(options)
  })

  it.each([
    ['addressesMax', 1, 4_096],
    ['lookupTimeoutMs', 100, 60_000],
    ['recordsMax', 1, 65_536],
    ['dnsTtlMinMs', 0, 60_000],
    ['dnsTtlMaxMs', 0, 3_600_000],
    ['consulWaitMs', 1_000, 600_000],
    ['answerBytesMax', 1_024, 67_108_864],
    ['fileBytesMax', 64, 67_108_864],
  ])('%s is from %i to %i', async (name, min, max) => {
    expect(discoveryOptions.parse({ [name]: min })).toMatchObject({ [name]: min })
    expect(discoveryOptions.parse({ [name]: max })).toMatchObject({ [name]: max })
    for (const value of [min - 1, max + 1, min + 0.5, Number.NaN, String(min), null]) {
      const error = await errorOf(() => discoveryOptions.parse({ [name]: value }))
      expect([error.code, error.message]).toEqual([
        'ERR_NODOSUM_CONFIG_INVALID',
        expect.stringContaining(name),
      ])
    }
  })

  it('tell all problems at once, and what an unknown key may have meant', async () => {
    const wrong = { addressMax: 5, recordsMax: 0 }
    const { message } = await errorOf(() => discoveryOptions.parse(wrong))
    expect(message).toContain('recordsMax')
    expect(message).toMatch(/did you mean.*addressesMax/i)
  })
})
