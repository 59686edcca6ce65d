import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { parsePoolOptions, poolOptions } from '../src/index.ts'

/** What a refusal says; empty when the input was taken. */
function refusal(input: unknown): string {
  try {
    poolOptions.parse(input)
    return ''
  } catch (error) {
    if (isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID')) return error.message
    throw error
  }
}

describe('pool options', () => {
  it('have the defaults that the README names', () => {
    expect(poolOptions.parse({})).toEqual({
      connectionsMax: 1_024,
      connectionsPerSourceMax: 256,
      halfOpenMax: 256,
      dialsMax: 16,
      dialQueueMax: 256,
      dialsPerSecond: 100,
      dialBurst: 200,
      acceptsPerSecond: 200,
      acceptBurst: 400,
      acceptQueueMax: 256,
      addressesMax: 4,
      fallbackAfterMs: 1_000,
      fallbackMemoryMs: 600_000,
      fallbacksMax: 1_024,
      backoffBaseMs: 200,
      backoffMaxMs: 10_000,
      breakersMax: 1_024,
      sweepMs: 1_000,
      idleTimeoutMs: 1_800_000,
      pingMs: 5_000,
      stallTimeoutMs: 5_000,
      probeTimeoutMs: 1_000,
      connectionAgeMaxMs: 86_400_000,
      connectionPacketsMax: 4_194_304,
      replaceWithinMs: 60_000,
      replaceRetryMs: 1_000,
    })
  })

  it('accept the ends of each range and refuse one beyond, naming the key', () => {
    for (const { path, range } of poolOptions.reference()) {
      const [min, max] = String(range).replaceAll(',', '').match(/\d+/g)?.map(Number) ?? []
      if (min === undefined || max === undefined) throw new Error(`${path} has no range`)
      expect([refusal({ [path]: min }), refusal({ [path]: max })], path).toEqual(['', ''])
      for (const wrong of [min - 1, max + 1, min + 0.5, Number.NaN, '5']) {
        expect(refusal({ [path]: wrong }), `${path} ${wrong}`).toContain(path)
      }
    }
  })

  it('must fit each other', () => {
    expect(() => parsePoolOptions({ backoffBaseMs: 5_000, backoffMaxMs: 1_000 })).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_CONFIG_INVALID' }),
    )
  })

  it('name every problem at once, and what a misspelt key may have meant', () => {
    const message = refusal({ dialMax: 3, acceptQueueMax: 0 })
    expect(message).toContain('acceptQueueMax')
    expect(message).toContain('dialsMax')
  })
})
