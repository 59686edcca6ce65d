/** `npm run chaos -- standstill --seconds 10` does the same for longer. */
import { describe, expect, it } from 'vitest'
import { runStandstill } from '../src/standstill/run-standstill.ts'

describe('a process that does nothing but synchronous work for 2 s', () => {
  it('loses no message, and so do those that talk to it', async () => {
    const { problems, reports } = await runStandstill(2_000)
    expect(problems).toEqual([])
    for (const { sent, refused } of Object.values(reports)) {
      expect(refused).toEqual({})
      expect(Object.values(sent)[0]).toBeGreaterThan(1_000)
    }
  }, 120_000)
})
