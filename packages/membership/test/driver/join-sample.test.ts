import { newBootId, parseNodeId, seededRandom } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import type { Member, MemberState } from '../../src/core/member.ts'
import { joinSample } from '../../src/driver/join-sample.ts'

const random = seededRandom('join sample')
const found = Array.from({ length: 100 }, (_, at) => ({ host: `10.0.0.${at}`, port: 1 }))

function member(host: string, state: MemberState): Member {
  return {
    nodeId: parseNodeId('a'),
    bootId: newBootId(random),
    state,
    addresses: [{ host, udpPort: 1, tcpPort: 1 }],
  } as unknown as Member
}

describe('whom a node asks to join', () => {
  it('are three of those that discovery found, each time others', () => {
    const asked = new Set<string>()
    for (let round = 0; round < 200; round += 1) {
      const sample = joinSample(found, [], random)
      expect(new Set(sample.map(({ host }) => host)).size).toBe(3)
      for (const { host } of sample) asked.add(host)
    }
    // 600 draws of 100: that one of them is never drawn has a chance of 1 in 4.
    expect(asked.size).toBeGreaterThan(90)
  })

  it('are none that are known already, unless they are gone', () => {
    const members = [member('10.0.0.0', 'alive'), member('10.0.0.1', 'suspect')]
    const few = found.slice(0, 3)
    expect(joinSample(few, members, random)).toEqual([{ host: '10.0.0.2', port: 1 }])
    const gone = [...members, member('10.0.0.2', 'failed')]
    expect(joinSample(few, gone, random)).toEqual([{ host: '10.0.0.2', port: 1 }])
    expect(joinSample([], [], random)).toEqual([])
  })
})
