import { describe, expect, it } from 'vitest'
import {
  type ErrorCode,
  errorCatalog,
  invariant,
  isNodosumError,
  NodosumError,
  unreachable,
} from '../../src/index.ts'

const codes = Object.keys(errorCatalog) as ErrorCode[]

describe('the error catalog', () => {
  it.each(codes)('explains %s in plain sentences', (code) => {
    const entry = errorCatalog[code]
    expect(code).toMatch(/^ERR_NODOSUM_[A-Z]+(_[A-Z]+)*$/)
    expect(['temporary', 'ambiguous', 'overload', 'permanent', 'security']).toContain(entry.class)
    for (const text of [entry.meaning, entry.remedy]) {
      expect(text).toMatch(/^[A-Z`].*\.$/)
      expect(text.length).toBeGreaterThan(15)
      expect(text.length).toBeLessThan(160)
    }
  })

  it('calls exactly what is temporary or overload retryable', () => {
    for (const code of codes) {
      const entry = errorCatalog[code]
      const expected = entry.class === 'temporary' || entry.class === 'overload'
      expect([code, entry.retryable]).toEqual([code, expected])
    }
  })

  it('has no two codes with the same meaning', () => {
    const meanings = codes.map((code) => errorCatalog[code].meaning)
    expect(new Set(meanings).size).toBe(codes.length)
  })
})

describe('NodosumError', () => {
  it('carries code, class, retryable, details and cause', () => {
    const cause = new Error('EADDRINUSE')
    const error = new NodosumError('ERR_NODOSUM_LISTEN_FAILED', 'port 6969 is taken', {
      cause,
      details: { port: 6969 },
    })
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('NodosumError')
    expect(error.message).toBe('port 6969 is taken')
    expect(error.code).toBe('ERR_NODOSUM_LISTEN_FAILED')
    expect(error.class).toBe('permanent')
    expect(error.retryable).toBe(false)
    expect(error.cause).toBe(cause)
    expect(error.details).toEqual({ port: 6969 })
    expect(error.stack).toContain('nodosum-error.test')
    expect(String(error)).toBe('NodosumError [ERR_NODOSUM_LISTEN_FAILED]: port 6969 is taken')
  })

  it('has neither cause nor details unless given', () => {
    const error = new NodosumError('ERR_NODOSUM_OVERLOAD', 'busy')
    expect('cause' in error).toBe(false)
    expect(error.details).toEqual({})
    expect(error.retryable).toBe(true)
  })

  it('keeps its own frozen copy of the details', () => {
    const problems = ['one']
    const details: Record<string, number | string[]> = { port: 1, problems }
    const error = new NodosumError('ERR_NODOSUM_CONFIG_INVALID', 'wrong', { details })
    details.port = 2
    problems.push('two')
    expect(error.details).toEqual({ port: 1, problems: ['one'] })
    expect(Object.isFrozen(error.details)).toBe(true)
    expect(Object.isFrozen(error.details.problems)).toBe(true)
  })
})

describe('isNodosumError', () => {
  const error = new NodosumError('ERR_NODOSUM_CANCELLED', 'cancelled')

  it('recognises an error, and its code when asked for one', () => {
    expect(isNodosumError(error)).toBe(true)
    expect(isNodosumError(error, 'ERR_NODOSUM_CANCELLED')).toBe(true)
    expect(isNodosumError(error, 'ERR_NODOSUM_OVERLOAD')).toBe(false)
  })

  it('recognises an error of another copy of the package', async () => {
    const path = '../../src/core/nodosum-error.ts?second-copy'
    const copy = (await import(/* @vite-ignore */ path)) as {
      NodosumError: typeof NodosumError
    }
    expect(copy.NodosumError).not.toBe(NodosumError)
    const foreign = new copy.NodosumError('ERR_NODOSUM_CANCELLED', 'cancelled')
    expect(foreign).not.toBeInstanceOf(NodosumError)
    expect(isNodosumError(foreign, 'ERR_NODOSUM_CANCELLED')).toBe(true)
  })

  it('takes nothing else for one', () => {
    const lookalike = Object.assign(new Error('x'), { code: 'ERR_NODOSUM_CANCELLED' })
    for (const value of [lookalike, new Error('x'), null, undefined, 'x', 5, {}, () => {}]) {
      expect(isNodosumError(value)).toBe(false)
    }
  })
})

describe('invariant', () => {
  it('does nothing when the condition holds', () => {
    for (const value of [true, 1, 'a', {}]) expect(() => invariant(value, 'holds')).not.toThrow()
  })

  it('throws a coded error when it does not', () => {
    for (const value of [false, 0, '', null, undefined, Number.NaN]) {
      expect(() => invariant(value, 'the count is above 0')).toThrow(
        expect.objectContaining({
          code: 'ERR_NODOSUM_INVARIANT_VIOLATED',
          message: 'the count is above 0',
        }),
      )
    }
  })
})

describe('unreachable', () => {
  it.each([
    ['a word', 'word', 'unexpected word'],
    ['a tagged object', { kind: 'new-kind', secret: 'x' }, "unexpected kind 'new-kind'"],
    ['another object', { secret: 'x' }, 'unexpected object'],
    ['an object that cannot be printed', Object.create(null), 'unexpected object'],
    ['null', null, 'unexpected null'],
  ])('names %s without its contents', (_what, value, message) => {
    expect(() => unreachable(value as never)).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_INVARIANT_VIOLATED', message }),
    )
  })
})
