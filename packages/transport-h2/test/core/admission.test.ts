import { describe, expect, it } from 'vitest'
import {
  Admission,
  type AdmissionLimits,
  type Admitted,
  sourceOf,
} from '../../src/core/admission.ts'

const generous: AdmissionLimits = {
  connectionsMax: 100,
  connectionsPerSourceMax: 100,
  halfOpenMax: 100,
  halfOpenPerSourceMax: 100,
  acceptsPerSecond: 1_000,
  acceptBurst: 1_000,
}

function admitted(outcome: Admitted | string): Admitted {
  if (typeof outcome === 'string') throw new Error(`refused: ${outcome}`)
  return outcome
}

describe('admission', () => {
  it('counts dialed connections against the limit of all', () => {
    const admission = new Admission({ ...generous, connectionsMax: 5 }, 0)
    expect(admission.admit('10.0.0.1', 5, 0)).toBe('connections')
    expect(admission.admit('10.0.0.1', 4, 0)).toMatchObject({ source: '10.0.0.1' })
  })

  it('bounds half-open connections, and an authenticated one makes room', () => {
    const admission = new Admission({ ...generous, halfOpenMax: 2 }, 0)
    const first = admitted(admission.admit('10.0.0.1', 0, 0))
    admitted(admission.admit('10.0.0.2', 1, 0))
    expect(admission.admit('10.0.0.3', 2, 0)).toBe('half-open')
    admission.opened(first)
    admission.opened(first)
    admitted(admission.admit('10.0.0.3', 2, 0))
    expect(admission.admit('10.0.0.4', 3, 0)).toBe('half-open')
  })

  it('keeps one source from using up what is there for all', () => {
    const limits = { ...generous, connectionsPerSourceMax: 3, halfOpenPerSourceMax: 2 }
    const admission = new Admission(limits, 0)
    const first = admitted(admission.admit('10.0.0.1', 0, 0))
    const second = admitted(admission.admit('10.0.0.1', 1, 0))
    expect(admission.admit('10.0.0.1', 2, 0)).toBe('source')
    admitted(admission.admit('10.0.0.2', 2, 0))
    admission.opened(first)
    admission.opened(second)
    admission.opened(admitted(admission.admit('10.0.0.1', 3, 0)))
    expect(admission.admit('10.0.0.1', 4, 0)).toBe('source')
    admission.left(second)
    admitted(admission.admit('10.0.0.1', 3, 0))
  })

  it('gives everything back when connections leave, also half-open ones', () => {
    const limits = { ...generous, connectionsPerSourceMax: 1, halfOpenMax: 1 }
    const admission = new Admission(limits, 0)
    for (let round = 0; round < 10; round += 1) {
      const one = admitted(admission.admit('10.0.0.1', 0, 0))
      expect(admission.admit('10.0.0.1', 1, 0)).not.toHaveProperty('source')
      if (round % 2 === 0) admission.opened(one)
      admission.left(one)
    }
  })

  it('limits the rate over time, and refusals for other reasons do not use it up', () => {
    const limits = { ...generous, acceptsPerSecond: 1, acceptBurst: 2, halfOpenPerSourceMax: 1 }
    const admission = new Admission(limits, 0)
    admitted(admission.admit('10.0.0.1', 0, 0))
    for (let round = 0; round < 10; round += 1) {
      expect(admission.admit('10.0.0.1', 1, 0)).toBe('source')
    }
    admitted(admission.admit('10.0.0.2', 1, 0))
    expect(admission.admit('10.0.0.3', 2, 0)).toBe('rate')
    expect(admission.admit('10.0.0.3', 2, 999)).toBe('rate')
    admitted(admission.admit('10.0.0.3', 2, 1_000))
  })
})

describe('a source', () => {
  it('is the address of IPv4', () => {
    expect(sourceOf('192.0.2.7')).toBe('192.0.2.7')
  })

  it('is the first half of an address of IPv6, however that is written', () => {
    const same = [
      '2001:db8:1:2::1',
      '2001:DB8:1:2:3:4:5:6',
      '2001:db8:1:2:ffff::',
      '2001:db8:1:2::1%eth0',
    ]
    expect(new Set(same.map(sourceOf))).toEqual(new Set(['2001:db8:1:2::/64']))
    expect(sourceOf('2001:db8:1:3::1')).not.toBe(sourceOf('2001:db8:1:2::1'))
    expect(sourceOf('::1')).toBe('0:0:0:0::/64')
    expect(sourceOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64')
  })
})
