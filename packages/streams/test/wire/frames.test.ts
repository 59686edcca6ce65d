import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  frameHeaderBytesMax,
  frameHeaderLength,
  frameType,
  isSessionFrame,
  mustUnderstand,
  writeFrameHeader,
} from '../../src/wire/frame.ts'
import { FrameDecoder } from '../../src/wire/frame-decoder.ts'

interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly sequence: number
  readonly body: readonly number[]
}

const frame: fc.Arbitrary<Frame> = fc.record({
  type: fc.nat(255),
  flags: fc.nat(255),
  stream: fc.oneof(fc.nat(300), fc.maxSafeNat()),
  sequence: fc.oneof(fc.nat(300), fc.maxSafeNat()),
  body: fc.array(fc.nat(255), { maxLength: 40 }),
})

function encode(frames: readonly Frame[]): Uint8Array {
  const chunks = frames.map(({ type, flags, stream, sequence, body }) => {
    const bytes = new Uint8Array(frameHeaderBytesMax + body.length)
    const at = writeFrameHeader(bytes, 0, type, flags, stream, sequence, body.length)
    expect(at).toBe(frameHeaderLength(stream, sequence))
    bytes.set(body, at)
    return bytes.subarray(0, at + body.length)
  })
  return Buffer.concat(chunks)
}

function decoder(frameBytesMax = 1_000): { decoder: FrameDecoder; frames: Frame[] } {
  const frames: Frame[] = []
  const decoder = new FrameDecoder({
    frameBytesMax,
    sink: {
      frame: (type, flags, stream, sequence, bytes, start, end) => {
        frames.push({ type, flags, stream, sequence, body: [...bytes.subarray(start, end)] })
        return true
      },
    },
  })
  return { decoder, frames }
}

describe('frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 10 }),
        fc.infiniteStream(fc.nat(30)),
        (sent, cuts) => {
          const bytes = encode(sent)
          const { decoder: into, frames } = decoder()
          for (let at = 0; at < bytes.length; ) {
            const next = at + (cuts.next().value ?? 0) + 1
            into.push(bytes.subarray(at, next))
            at = next
          }
          expect(frames).toEqual(sent)
          expect([into.problem, into.heldBytes]).toEqual([null, 0])
        },
      ),
    )
  })

  it('have a fixed layout', () => {
    const [bytes] = [encode([{ type: 0x90, flags: 1, stream: 2, sequence: 300, body: [7, 8] }])]
    expect([...bytes]).toEqual([7, 0, 0, 0, 0x90, 1, 2, 0xac, 0x02, 7, 8])
  })

  it('that are too long or too short are refused before their body has come', () => {
    const long = decoder(100)
    long.decoder.push(Uint8Array.of(101, 0, 0, 0))
    expect(long.decoder.problem).toBe('frame too long')
    const huge = decoder(100)
    huge.decoder.push(Uint8Array.of(255, 255, 255, 255))
    expect(huge.decoder.problem).toBe('frame too long')
    const short = decoder(100)
    short.decoder.push(Uint8Array.of(3, 0, 0, 0))
    expect(short.decoder.problem).toBe('frame too short')
    short.decoder.push(encode([{ type: 1, flags: 0, stream: 0, sequence: 1, body: [] }]))
    expect(short.frames).toEqual([])
  })

  it('with a header that never ends are refused', () => {
    const { decoder: into, frames } = decoder()
    into.push(Uint8Array.of(12, 0, 0, 0, 1, 0, ...new Array(10).fill(0x80)))
    expect([into.problem, frames]).toEqual(['header does not decode', []])
  })

  it('never throw, and hold no more than one frame of rubbish', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 30 }), (chunks) => {
        const { decoder: into } = decoder(200)
        for (const chunk of chunks) {
          into.push(chunk)
          expect(into.heldBytes).toBeLessThanOrEqual(204 + 60)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('stop between two of them when paused, also from inside', () => {
    const sent = [1, 2, 3].map((sequence) => ({ type: 1, flags: 0, stream: 0, sequence, body: [] }))
    const seen: number[] = []
    const into: FrameDecoder = new FrameDecoder({
      frameBytesMax: 100,
      sink: {
        frame: (_type, _flags, _stream, sequence) => {
          seen.push(sequence)
          into.pause()
          return true
        },
      },
    })
    into.push(encode(sent))
    expect([seen, into.paused]).toEqual([[1], true])
    into.resume()
    into.resume()
    expect(seen).toEqual([1, 2, 3])
    expect(into.heldBytes).toBe(0)
  })

  it('say whose they are and whether they may be ignored', () => {
    expect(Object.values(frameType).every(isSessionFrame)).toBe(true)
    expect([isSessionFrame(0x10), isSessionFrame(0x90)]).toEqual([false, false])
    expect([mustUnderstand(frameType.hello), mustUnderstand(frameType.goodbye)]).toEqual([
      true,
      false,
    ])
  })
})
