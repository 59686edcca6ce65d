import { describe, expect, it } from 'vitest'
import { parseFlags } from '../src/flags.ts'

describe('the flags of the example', () => {
  it('have defaults', () => {
    expect(parseFlags([])).toEqual({
      once: false,
      help: false,
      processes: 5,
      rate: 120,
      directory: null,
    })
  })

  it('are taken as they are given', () => {
    const flags = parseFlags(['--once', '--processes', '3', '--rate=10', '--directory', '/x'])
    expect(flags).toMatchObject({ once: true, processes: 3, rate: 10, directory: '/x' })
  })

  it.each([
    [['--processes', '2'], '--processes takes a whole number from 3 to 20, not 2'],
    [['--processes', '21'], '--processes takes a whole number from 3 to 20, not 21'],
    [['--rate', '1.5'], '--rate takes a whole number from 1 to 1000, not 1.5'],
    [['--rate', 'fast'], '--rate takes a whole number from 1 to 1000, not fast'],
    [['--twice'], '--twice'],
    [['stray'], 'stray'],
  ])('are refused in words: %j', (words, message) => {
    expect(() => parseFlags(words)).toThrow(message)
  })
})
