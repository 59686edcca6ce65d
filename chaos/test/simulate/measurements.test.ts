import { describe, expect, it } from 'vitest'
import { Measurements } from '../../src/simulate/measurements.ts'

describe('how long a crash takes to be known everywhere', () => {
  it('is infinite while somebody has not noticed, however soon the others did', () => {
    const measurements = new Measurements()
    measurements.crashed(1_000, 'x', 1, ['a', 'b', 'c'])
    measurements.declaredDead(5_000, 'a', 'x', 1)
    measurements.declaredDead(6_000, 'b', 'x', 1)
    expect(measurements.metrics(9_000)).toMatchObject({
      crashes: 1,
      crashesUndetected: 1,
      detectedFirstP50Ms: 4_000,
      detectedEverywhereP50Ms: Number.POSITIVE_INFINITY,
      detectedEverywhereP99Ms: Number.POSITIVE_INFINITY,
    })
    measurements.declaredDead(8_000, 'c', 'x', 1)
    expect(measurements.metrics(9_000)).toMatchObject({
      crashesUndetected: 0,
      detectedEverywhereP99Ms: 7_000,
    })
  })

  it('does not wait for those who ended themselves, and takes a newer process for the news', () => {
    const measurements = new Measurements()
    measurements.crashed(1_000, 'x', 1, ['a', 'b'])
    measurements.replaced(3_000, 'a', 'x', 2)
    measurements.declaredDead(4_000, 'b', 'x', 2)
    expect(measurements.metrics(9_000).crashesUndetected).toBe(1)
    measurements.ended('b')
    expect(measurements.metrics(9_000)).toMatchObject({
      crashesUndetected: 0,
      detectedEverywhereP99Ms: 2_000,
    })
  })

  it('lets no crash out that nobody noticed', () => {
    const measurements = new Measurements()
    measurements.crashed(1_000, 'x', 1, ['a', 'b'])
    measurements.crashed(1_000, 'y', 1, ['a', 'b'])
    for (const observer of ['a', 'b']) measurements.declaredDead(4_000, observer, 'x', 1)
    expect(measurements.metrics(9_000)).toMatchObject({
      crashes: 2,
      crashesUndetected: 1,
      detectedEverywhereP50Ms: 3_000,
      detectedEverywhereP99Ms: Number.POSITIVE_INFINITY,
    })
  })
})
