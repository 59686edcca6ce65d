import { describe, expect, it } from 'vitest'
import { LineSplitter, lineCharactersMax } from '../../../src/fault-proxy/driver/line-splitter.ts'

function lines(...parts: string[]): string[] {
  const got: string[] = []
  const splitter = new LineSplitter(
    (line) => got.push(line),
    () => got.push('TOO LONG'),
  )
  for (const part of parts) splitter.push(part)
  return got
}

describe('lines', () => {
  it('are put together from any parts; empty ones do not count', () => {
    expect(lines('a', 'b\n\n  \nc', 'd', '\ne')).toEqual(['ab', 'cd'])
  })

  it('that are too long are reported once and skipped, and the next one is read', () => {
    const half = 'x'.repeat(lineCharactersMax / 2)
    expect(lines(half, half, '\n')).toEqual([half + half])
    expect(lines(half, half, 'x', half, half, 'rest\nnext\n')).toEqual(['TOO LONG', 'next'])
  })
})
