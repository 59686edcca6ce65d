import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holderIsDead, type LockRecord, parseLockRecord } from '../../src/core/lock-record.ts'

const record: LockRecord = { token: '0123456789abcdef', pid: 42, space: 'here', birth: 'monday' }

describe('a lock record', () => {
  it('parses back to what was written, also when the start is not known', () => {
    expect(parseLockRecord(`${JSON.stringify(record)}\n`)).toEqual(record)
    const unknown = { ...record, birth: null }
    expect(parseLockRecord(JSON.stringify(unknown))).toEqual(unknown)
    expect(parseLockRecord(JSON.stringify({ ...record, more: 1 }))).toEqual(record)
  })

  it.each([
    ['no JSON', '{'],
    ['empty', ''],
    ['null', 'null'],
    ['text', '"x"'],
    ['without a token', JSON.stringify({ ...record, token: undefined })],
    ['with a path as token', JSON.stringify({ ...record, token: '../../../../etc/x' })],
    ['with process 0', JSON.stringify({ ...record, pid: 0 })],
    ['with a group of processes', JSON.stringify({ ...record, pid: -1 })],
    ['with half a process', JSON.stringify({ ...record, pid: 1.5 })],
    ['without a space', JSON.stringify({ ...record, space: 1 })],
    ['with a huge space', JSON.stringify({ ...record, space: 'x'.repeat(513) })],
    ['with a huge start', JSON.stringify({ ...record, birth: 'x'.repeat(513) })],
    ['with a start of another kind', JSON.stringify({ ...record, birth: 7 })],
  ])('that is %s is none', (_, text) => {
    expect(parseLockRecord(text)).toBeUndefined()
  })

  it('never makes the parser throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const found = parseLockRecord(text)
        if (found !== undefined) expect(found.token).toMatch(/^[0-9a-f]{16}$/)
      }),
      { numRuns: 500 },
    )
  })
})

describe('a holder', () => {
  const here = { space: 'here', alive: true, birthNow: 'monday' }

  it.each([
    ['lives with its own start', record, here, false],
    ['is dead without a process', record, { ...here, alive: false, birthNow: undefined }, true],
    ['is dead when its id belongs to a younger one', record, { ...here, birthNow: 'friday' }, true],
    ['lives, in doubt, elsewhere', record, { ...here, space: 'there', alive: false }, false],
    ['lives, in doubt, without a known start now', record, { ...here, birthNow: undefined }, false],
    ['lives, in doubt, without a known start then', { ...record, birth: null }, here, false],
  ])('%s', (_, one, now, dead) => {
    expect(holderIsDead(one, now)).toBe(dead)
  })
})
