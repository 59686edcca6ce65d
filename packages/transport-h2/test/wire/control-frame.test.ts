import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ControlFrame,
  ControlFrameDecoder,
  encodeControlFrame,
} from '../../src/wire/control-frame.ts'
import { streamOfPath, streamPath } from '../../src/wire/request-path.ts'

const ids = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const frames = fc.oneof(
  fc.record<ControlFrame>({
    kind: fc.constant('reset'),
    stream: ids,
    code: fc.integer({ min: 0, max: 0xffff_ffff }),
  }),
  fc.record<ControlFrame>({ kind: fc.constant('open'), stream: ids, code: fc.constant(0) }),
)

describe('control frames', () => {
  it('arrive as they were sent, however their bytes are cut', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 })
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 20 }), cuts, (sent, sizes) => {
        const bytes = Buffer.concat(sent.map(encodeControlFrame))
        const decoder = new ControlFrameDecoder()
        const received: ControlFrame[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] as number
          received.push(...(decoder.push(bytes.subarray(at, at + size)) ?? []))
          at += size
        }
        expect(received).toEqual(sent)
      }),
    )
  })

  it('of another kind, or with numbers that cannot be, are not this protocol', () => {
    const good = encodeControlFrame({ kind: 'reset', stream: 5, code: 9 })
    const open = encodeControlFrame({ kind: 'open', stream: 5, code: 0 })
    const with3 = (bytes: Uint8Array, at: number) =>
      Uint8Array.from(bytes, (byte, index) => (index === at ? 3 : byte))
    for (const bad of [with3(good, 0), with3(good, 1), with3(open, 12), Buffer.alloc(13)]) {
      expect(new ControlFrameDecoder().push(bad)).toBeUndefined()
    }
    expect(new ControlFrameDecoder().push(good)).toHaveLength(1)
  })
})

describe('the path of a stream', () => {
  it('gives its id back', () => {
    fc.assert(
      fc.property(ids, (id) => {
        expect(streamOfPath(streamPath(id))).toBe(id)
      }),
    )
  })

  it('has one form only', () => {
    const prefix = streamPath(0).slice(0, -1)
    for (const rest of ['', '01', '-1', '1.5', '1e3', ' 1', '1 ', '9007199254740992', 'x', '1/2']) {
      expect(streamOfPath(prefix + rest), rest).toBeUndefined()
    }
    expect(streamOfPath('/5')).toBeUndefined()
    expect(streamOfPath('')).toBeUndefined()
  })
})
