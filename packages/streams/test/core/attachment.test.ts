import { type NodeId, parseNodeId } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseAttachment } from '../../src/core/attachment.ts'

const ids = ['a', 'b'].map((id) => parseNodeId(id)) as [NodeId, NodeId]
const attachment = fc.record({
  attachment: fc.integer({ min: 1, max: 4 }),
  dialer: fc.constantFrom(...ids),
})

describe('of two connections of the same processes', () => {
  it('both ends choose the same one, in whichever order they met them', () => {
    fc.assert(
      fc.property(attachment, attachment, (a, b) => {
        fc.pre(a.attachment !== b.attachment || a.dialer !== b.dialer)
        const first = chooseAttachment(a, b) === 'new' ? b : a
        const second = chooseAttachment(b, a) === 'new' ? a : b
        expect(first).toBe(second)
      }),
    )
  })

  it('the higher number stays, and of equal ones that of the lower id', () => {
    const [a, b] = ids
    expect(chooseAttachment({ attachment: 1, dialer: a }, { attachment: 2, dialer: b })).toBe('new')
    expect(chooseAttachment({ attachment: 1, dialer: a }, { attachment: 1, dialer: b })).toBe(
      'current',
    )
    expect(chooseAttachment({ attachment: 1, dialer: b }, { attachment: 1, dialer: a })).toBe('new')
  })

  it('one that is the same again is not new', () => {
    const [a] = ids
    expect(chooseAttachment({ attachment: 1, dialer: a }, { attachment: 1, dialer: a })).toBe(
      'current',
    )
  })
})
