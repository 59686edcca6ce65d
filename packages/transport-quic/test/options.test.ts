import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { parseQuicOptions, type QuicOptions, quicOptions } from '../src/options.ts'

function refusal(input: QuicOptions): string {
  try {
    parseQuicOptions(input)
    return ''
  } catch (error) {
    if (isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID')) return error.message
    throw error
  }
}

describe('QUIC options', () => {
  it('have the defaults that the README names', () => {
    expect(parseQuicOptions()).toMatchObject({
      packetBytes: 'auto',
      connectionsMax: 1_024,
      halfOpenMax: 256,
      acceptsPerSecond: 200,
      acceptBurst: 400,
      streamsMax: 1_024,
      streamBufferBytes: 1_048_576,
      streamBufferBytesMax: 134_217_728,
      streamWindowBytes: 4_194_304,
    })
  })

  it('never let a number to the engine that would abort the process', () => {
    for (const { path } of quicOptions.reference()) {
      for (const wrong of [-1, 2 ** 62, 2 ** 53, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '7']) {
        const message = refusal({ [path]: wrong })
        expect(message, `${path}: ${wrong}`).toContain(path)
      }
    }
    expect(quicOptions.reference()).toHaveLength(19)
  })

  it('take a packet size that every network carries up to the largest the engine writes', () => {
    expect([1_200, 16_383, 'auto' as const].map((packetBytes) => refusal({ packetBytes }))).toEqual(
      ['', '', ''],
    )
    expect(refusal({ packetBytes: 1_199 })).toContain('packetBytes')
    expect(refusal({ packetBytes: 16_384 })).toContain('packetBytes')
  })

  it('demand that a lost ping does not end an idle connection', () => {
    expect(refusal({ idleTimeoutMs: 2_000, keepAliveMs: 1_000 })).toBe('')
    expect(refusal({ idleTimeoutMs: 2_000, keepAliveMs: 1_001 })).toContain(
      'keepAliveMs (1001) must be at most half of idleTimeoutMs (2000)',
    )
  })

  it('demand that the hard limit of a stream is above the soft one', () => {
    const equal = { streamBufferBytes: 1_048_576, streamBufferBytesMax: 1_048_576 }
    expect(refusal(equal)).toContain('streamBufferBytesMax (1048576) must exceed streamBufferBytes')
    expect(refusal({ ...equal, streamBufferBytesMax: 1_048_577 })).toBe('')
  })
})
