import { describe, expect, it } from 'vitest'
import { isNodosumError } from '../../src/index.ts'
import {
  type CallOptions,
  callChoice,
  callDuration,
  callFlag,
  callSignal,
  checkCallOptions,
  checkFunction,
  checkWord,
} from '../../src/options.ts'

const call = 'fly(to, options)'
const known: CallOptions = new Map([
  ['timeoutMs', callDuration(1)],
  ['signal', callSignal],
  ['round', callFlag],
  ['seat', callChoice('aisle', 'window')],
])

function problemOf(check: () => void): string {
  try {
    check()
    return 'none'
  } catch (error) {
    return isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID') ? error.message : `raw: ${error}`
  }
}

describe('options of a call', () => {
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['an empty object', {}],
    ['all of them', { timeoutMs: 1.5, signal: AbortSignal.abort(), round: false, seat: 'aisle' }],
    ['undefined values', { timeoutMs: undefined, signal: undefined, seat: undefined }],
    ['the longest time', { timeoutMs: 86_400_000 }],
  ])('may be %s', (_what, given) => {
    expect(problemOf(() => checkCallOptions(call, given, known))).toBe('none')
  })

  const times = 'timeoutMs takes a number of milliseconds from 1 to 86400000, not'
  it.each<[unknown, string]>([
    [{ timeout: 5 }, `has no option 'timeout'; did you mean 'timeoutMs', a number of millis`],
    [{ blue: 1 }, `has no option 'blue'; it takes { timeoutMs, signal, round, seat }`],
    [{ constructor: 1 }, `has no option 'constructor'`],
    [{ ['x'.repeat(99)]: 1 }, 'has no option an option of 99 characters'],
    [{ timeoutMs: 0 }, `${times} 0`],
    [{ timeoutMs: -1 }, `${times} -1`],
    [{ timeoutMs: '5' }, `${times} "5"`],
    [{ timeoutMs: Number.NaN }, `${times} NaN`],
    [{ timeoutMs: Number.POSITIVE_INFINITY }, `${times} Infinity`],
    [{ timeoutMs: null }, `${times} null`],
    [{ timeoutMs: 5n }, `${times} 5n`],
    [{ round: 'yes' }, 'round takes true or false, not "yes"'],
    [{ seat: 'asle' }, `seat takes 'aisle' or 'window', not "asle"`],
    [{ signal: 5 }, 'signal takes an AbortSignal, such as new AbortController().signal, not 5'],
    [{ signal: new AbortController() }, 'signal takes an AbortSignal'],
    [5, 'takes its options as an object { timeoutMs, signal, round, seat }, not 5'],
    [null, 'takes its options as an object'],
    [[1], 'takes its options as an object { timeoutMs, signal, round, seat }, not an array of 1'],
    [() => 1, 'not a function'],
    [Symbol('s'), 'not a symbol'],
  ])('cannot be %o', (given, words) => {
    const problem = problemOf(() => checkCallOptions(call, given, known))
    expect(problem).toMatch(/^fly\(to, options\) /)
    expect(problem).toContain(words)
  })
})

describe('a word', () => {
  it.each<[unknown, string]>([
    ['arrive', 'none'],
    ['arive', `on(event) takes 'leave' or 'arrive', not "arive"; did you mean 'arrive'?`],
    ['zzzzzz', `on(event) takes 'leave' or 'arrive', not "zzzzzz"`],
    [undefined, `on(event) takes 'leave' or 'arrive', not undefined`],
  ])('%s is checked', (value, words) => {
    expect(problemOf(() => checkWord('on(event)', value, ['leave', 'arrive']))).toBe(words)
  })
})

describe('a function', () => {
  it.each<[unknown, string]>([
    [() => 1, 'none'],
    [5, 'on(listener) takes a function, which hears it, not 5'],
    [{}, 'on(listener) takes a function, which hears it, not an object'],
  ])('%o is checked', (value, words) => {
    expect(problemOf(() => checkFunction('on(listener)', value, 'which hears it'))).toBe(words)
  })
})
