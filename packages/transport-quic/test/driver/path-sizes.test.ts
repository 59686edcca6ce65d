import { silentLogger } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { PathSizes } from '../../src/driver/path-sizes.ts'

const near = { host: '127.0.0.1', port: 7_000 }
const far = { host: '10.0.0.2', port: 7_000 }

/** What is probed when every probe comes back. */
function climb(sizes: PathSizes, remote: { host: string; port: number }): number[] {
  const size = sizes.open(remote, 0)
  const steps = [size.bytes]
  for (let probe = size.next(0, 1); probe !== null; probe = size.next(0, 1)) {
    size.sent(probe, probe.bytes, 0, 300, 1)
    size.answered(probe.number, 0)
    steps.push(size.bytes)
  }
  return steps
}

describe('packet sizes of paths', () => {
  it('begin on loopback with the largest, elsewhere with what every network carries', () => {
    const sizes = new PathSizes('auto', silentLogger)
    expect(climb(sizes, near)).toEqual([16_383])
    expect(climb(sizes, { host: '::1', port: 1 })).toEqual([16_383])
    expect(climb(sizes, far)).toEqual([1_200, 1_350, 1_452])
    expect(sizes.largestTo(far)).toBe(1_452)
  })

  it('are the number that was asked for, wherever the peer is', () => {
    const sizes = new PathSizes(1_300, silentLogger)
    expect([climb(sizes, near), climb(sizes, far)]).toEqual([[1_300], [1_300]])
    expect(climb(new PathSizes(1_200, silentLogger), far)).toEqual([1_200])
  })

  it('are remembered by peer, so that its next connection need not find out again', () => {
    const sizes = new PathSizes('auto', silentLogger)
    sizes.remember(far, 1_350)
    sizes.remember(near, 1_200)
    expect(climb(sizes, far)).toEqual([1_350, 1_452])
    expect(climb(sizes, near)).toEqual([1_200, 1_350, 1_452, 16_383])
    expect(climb(sizes, { ...far, port: 1 })).toEqual([1_200, 1_350, 1_452])
  })

  it('are remembered of a bounded number of peers, the oldest is forgotten first', () => {
    const sizes = new PathSizes('auto', silentLogger)
    for (let port = 1; port <= 4_097; port += 1) sizes.remember({ ...far, port }, 1_350)
    expect(climb(sizes, { ...far, port: 1 })[0]).toBe(1_200)
    expect(climb(sizes, { ...far, port: 2 })[0]).toBe(1_350)
  })
})
