/** Briefly; `npm run chaos -- stopped-reader` judges ten minutes, memory and times too. */
import { describe, expect, it } from 'vitest'
import { transportKinds } from '../src/conformance/transports.ts'
import { runStoppedReader } from '../src/stopped-reader/run-stopped-reader.ts'
import { slopeOf } from '../src/stopped-reader/slope.ts'

/** One lane and one session at each end, with the defaults: a lane's buffer, window and minimum. */
const laneBufferBytes = 4_194_304
const laneWindowBytes = 2_097_152
/** Lanes of other applications, replies, and a message that was begun below a limit. */
const slackBytes = 3_000_000

describe('a writer at full rate whose reader has stopped', () => {
  it.each(transportKinds)(
    'keeps no more than a lane may over %s, and others go on',
    async (transport) => {
      const result = await runStoppedReader({ transport, quietMs: 500, stoppedMs: 2_500 })
      expect(result.refused).toBeGreaterThan(0)
      // Its handlers never finish, so that few are started and the rest waits.
      expect(result.acceptedByStopped).toBeGreaterThan(64)
      expect(result.bufferedBytesMax).toBeGreaterThan(laneBufferBytes / 2)
      expect(result.bufferedBytesMax).toBeLessThan(laneBufferBytes + slackBytes)
      expect(result.grantedBytesMax).toBeLessThan(2 * laneWindowBytes + slackBytes)
      for (const times of [result.quiet, result.besideBulk, result.besideStopped]) {
        expect(times.count).toBeGreaterThan(3)
      }
      expect(result.bulkMBPerSecond).toBeGreaterThan(0)
    },
    120_000,
  )
})

describe('the slope of memory', () => {
  it('is that of the line nearest to the samples', () => {
    expect(slopeOf([])).toBe(0)
    expect(slopeOf([[1, 5]])).toBe(0)
    expect(slopeOf([0, 1, 2, 3].map((x): [number, number] => [x, 10 + 2.5 * x]))).toBe(2.5)
    expect(slopeOf([0, 1, 2, 3].map((x): [number, number] => [x, x % 2]))).toBeCloseTo(0.2)
  })
})
