import { describe, expect, it } from 'vitest'
import { newBootId } from '../../src/index.ts'
import { systemRandom } from '../../src/node.ts'

describe('systemRandom', () => {
  it('does not repeat itself, neither in one source nor between two', () => {
    const [one, other] = [systemRandom(), systemRandom()]
    const ids = Array.from({ length: 2_000 }, (_, index) =>
      newBootId(index % 2 === 0 ? one : other),
    )
    expect(new Set(ids).size).toBe(2_000)
  })

  it('gives words that use all their bits', () => {
    const random = systemRandom()
    let ones = 0
    let zeros = 0
    for (let draws = 0; draws < 1_000; draws += 1) {
      const word = random.u32()
      expect(Number.isInteger(word) && word >= 0 && word < 2 ** 32).toBe(true)
      ones |= word
      zeros |= ~word
    }
    expect([ones >>> 0, zeros >>> 0]).toEqual([0xffff_ffff, 0xffff_ffff])
  })

  it('has streams, which are as random', () => {
    const random = systemRandom()
    expect(random.stream('a').bytes(16)).not.toEqual(random.stream('a').bytes(16))
  })
})
