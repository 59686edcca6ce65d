import { parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { nearestOf } from '../../src/core/nearest.ts'

const [a, b, c] = [parseNodeId('a'), parseNodeId('b'), parseNodeId('c')]

describe('the nearest of several nodes', () => {
  it('has the shortest round trip; who was not measured comes last', () => {
    const rtts = new Map([
      [b, 3],
      [c, 2],
    ])
    const rttMs = (node: typeof a): number | undefined => rtts.get(node)
    expect(nearestOf([a, b, c], rttMs)).toBe(c)
    expect(nearestOf([a, b], rttMs)).toBe(b)
    expect(nearestOf([a], rttMs)).toBe(a)
    expect(nearestOf([], rttMs)).toBeUndefined()
    rtts.set(b, 2)
    expect(nearestOf([a, b, c], rttMs)).toBe(b)
  })
})
