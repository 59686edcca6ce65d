import { describe, expect, it } from 'vitest'
import { PathEvidence } from '../../src/driver/path-evidence.ts'

describe('evidence about the way to a peer', () => {
  it('takes UDP for blocked after three packets that came around alone, until one comes', () => {
    const evidence = new PathEvidence()
    for (const nowMs of [0, 1_000]) evidence.cameAround('b', nowMs, false)
    expect(evidence.isBlocked('b', 1_000)).toBe(false)
    evidence.cameAround('b', 2_000, false)
    expect([evidence.isBlocked('b', 2_000), evidence.isUnheard('b')]).toEqual([true, true])
    evidence.cameByUdp('b', 3_000)
    expect([evidence.isBlocked('b', 3_000), evidence.goesAround('b', 3_000)]).toEqual([
      false,
      false,
    ])
  })

  it('does not count a packet whose twin came by UDP', () => {
    const evidence = new PathEvidence()
    for (let nowMs = 0; nowMs < 60_000; nowMs += 1_000) {
      evidence.cameByUdp('b', nowMs)
      evidence.cameAround('b', nowMs + 1, false)
    }
    expect(evidence.isBlocked('b', 60_000)).toBe(false)
  })

  it('believes a peer that does not hear this node, for 30 s or until it takes it back', () => {
    const evidence = new PathEvidence()
    evidence.cameByUdp('b', 0)
    evidence.cameAround('b', 0, true)
    expect([evidence.isBlocked('b', 29_000), evidence.isBlocked('b', 30_000)]).toEqual([
      true,
      false,
    ])
    evidence.cameAround('b', 1_000, false)
    expect(evidence.isBlocked('b', 1_000)).toBe(false)
  })

  it('goes around once more to take back what it said', () => {
    const evidence = new PathEvidence()
    evidence.told('b', true)
    evidence.cameByUdp('b', 0)
    expect(evidence.goesAround('b', 0)).toBe(true)
    evidence.told('b', false)
    expect(evidence.goesAround('b', 0)).toBe(false)
  })

  it('asks for a connection only to those in doubt', () => {
    const evidence = new PathEvidence()
    expect([evidence.goesAround('b', 0), evidence.isWorthADial('b', 0)]).toEqual([true, false])
    evidence.doubt('b')
    expect([evidence.isWorthADial('b', 0), evidence.isUnheard('b')]).toEqual([true, true])
    evidence.cameByUdp('b', 1)
    expect(evidence.isWorthADial('b', 1)).toBe(false)
  })
})
