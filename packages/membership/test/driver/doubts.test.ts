import { describe, expect, it } from 'vitest'
import { Doubts } from '../../src/driver/doubts.ts'

describe('a node that is suspected although it lives', () => {
  it('warns at the fifth denial within a minute, and again after ten minutes of them', () => {
    const doubts = new Doubts()
    const warned: number[] = []
    for (let second = 1; second <= 1_500; second++) {
      if (doubts.isWorthAWarning(second * 1_000, second)) warned.push(second)
    }
    expect(warned).toEqual([5, 605, 1_205])
  })

  it('says nothing about suspicions now and then, and stops when they stop', () => {
    const doubts = new Doubts()
    for (let denial = 1; denial <= 50; denial++) {
      expect(doubts.isWorthAWarning(denial * 20_000, denial)).toBe(false)
    }
    for (let denial = 51; denial <= 55; denial++) doubts.isWorthAWarning(1_000_001, denial)
    expect(doubts.goOn(1_000_002)).toBe(true)
    expect(doubts.goOn(1_060_002)).toBe(false)
  })
})
