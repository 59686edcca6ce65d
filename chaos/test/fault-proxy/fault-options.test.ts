import { describe, expect, it } from 'vitest'
import { perfectTcp, perfectUdp } from '../../src/fault-proxy/core/faults.ts'
import { applyChange, faultReference } from '../../src/fault-proxy/fault-options.ts'

const udp = { forward: perfectUdp, backward: perfectUdp }
const tcp = { forward: perfectTcp, backward: perfectTcp }

describe('a change of faults', () => {
  it('is for both directions, then for one, and leaves the others as they were', () => {
    const first = applyChange('udp', udp, { loss: 0.1, delayMs: 5, backward: { loss: 0.2 } })
    expect(first.forward).toEqual({ ...perfectUdp, loss: 0.1, delayMs: 5 })
    expect(first.backward).toEqual({ ...perfectUdp, loss: 0.2, delayMs: 5 })
    const second = applyChange('udp', first, { delayMs: 0, forward: { stall: true } })
    expect(second.forward).toEqual({ ...perfectUdp, loss: 0.1, stall: true })
    expect(second.backward).toEqual({ ...perfectUdp, loss: 0.2 })
    expect(applyChange('udp', second, { loss: undefined, backward: { loss: 0 } }).forward).toEqual(
      second.forward,
    )
  })

  it('takes null for no limit', () => {
    const limited = applyChange('tcp', tcp, { rateBytesPerSecond: 9, resetAfterBytes: 0 })
    expect(limited.forward).toMatchObject({ rateBytesPerSecond: 9, resetAfterBytes: 0 })
    expect(
      applyChange('tcp', limited, { rateBytesPerSecond: null, resetAfterBytes: null }),
    ).toEqual(tcp)
  })

  it.each([
    ['a share above 1', { loss: 1.01 }, 'loss: expected a number from 0 to 1, got 1.01'],
    ['a share below 0', { forward: { duplication: -1 } }, 'forward.duplication: expected a number'],
    ['a mistyped name', { los: 0.1 }, "los: unknown key, did you mean 'loss'?"],
    ['a forgotten unit', { backward: { delay: 5 } }, "did you mean 'delayMs'?"],
    ['part of a millisecond', { delayMs: 0.5 }, 'delayMs: expected a whole number of ms'],
    ['a rate of 0', { rateBytesPerSecond: 0 }, 'rateBytesPerSecond: expected a whole number'],
    ['a word', { stall: 'yes' }, 'stall: expected true or false, got "yes"'],
    ['more jitter than delay', { jitterMs: 1 }, 'jitterMs (1) must be at most delayMs (0) forward'],
    [
      'nothing to reset',
      { resetAfterBytes: 1 },
      'resetAfterBytes: UDP has no connections to reset',
    ],
  ])('is refused for %s', (_, change, message) => {
    expect(() => applyChange('udp', udp, change as object)).toThrow(message)
  })

  it.each(['loss', 'duplication', 'reordering'])('of %s does not exist for TCP', (fault) => {
    const message = `${fault}: TCP has no ${fault}: TCP repairs it`
    expect(() => applyChange('tcp', tcp, { [fault]: 0.1 })).toThrow(message)
    expect(() => applyChange('tcp', tcp, { backward: { [fault]: 0.1 } })).toThrow(message)
  })

  it('finds every fault in the reference, each with its meaning', () => {
    for (const [protocol, perfect] of [
      ['udp', perfectUdp],
      ['tcp', perfectTcp],
    ] as const) {
      const reference = faultReference(protocol)
      expect(reference.map(({ name }) => name).toSorted()).toEqual(Object.keys(perfect).toSorted())
      for (const { description } of reference) expect(description).not.toBe('')
    }
  })
})
