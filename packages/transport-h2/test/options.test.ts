import { describe, expect, it } from 'vitest'
import { parseH2Options } from '../src/options.ts'

describe('options', () => {
  it('have defaults', () => {
    expect(parseH2Options()).toMatchObject({ idleTimeoutMs: 10_000, streamsMax: 1_024 })
  })

  it('are refused when they are unknown or out of range, all at once', () => {
    const bad = { streamsMax: 0, streamMax: 5 } as never
    expect(() => parseH2Options(bad)).toThrow(
      /streamsMax[\s\S]*streamMax|streamMax[\s\S]*streamsMax/,
    )
  })

  it('are refused when they do not fit each other', () => {
    expect(() => parseH2Options({ idleTimeoutMs: 2_000, keepAliveMs: 1_500 })).toThrow(
      /keepAliveMs \(1500\) must be at most half of idleTimeoutMs \(2000\)/,
    )
    const buffers = { streamBufferBytes: 2_097_152, streamBufferBytesMax: 2_097_152 }
    expect(() => parseH2Options(buffers)).toThrow(/must exceed streamBufferBytes/)
  })
})
