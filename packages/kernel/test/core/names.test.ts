import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isApplicationId,
  isClusterName,
  isNodeId,
  isNodosumError,
  isStreamName,
  parseApplicationId,
  parseClusterName,
  parseNodeId,
  parseStreamName,
} from '../../src/index.ts'

const guards = [isNodeId, isClusterName, isApplicationId, isStreamName]
const parsers = [parseNodeId, parseClusterName, parseApplicationId, parseStreamName]

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-'
const names = fc
  .array(fc.constantFrom(...letters), { minLength: 1, maxLength: 64 })
  .map((characters) => characters.join(''))
  .filter((name) => name !== '.' && name !== '..')

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    expect(isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID')).toBe(true)
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}

describe('names', () => {
  it('takes every name of the allowed characters, and gives it back unchanged', () => {
    fc.assert(
      fc.property(names, (name) => {
        for (const isName of guards) expect(isName(name)).toBe(true)
        for (const parse of parsers) expect(parse(name)).toBe(name)
      }),
    )
  })

  it('parses exactly what its guard accepts, whatever the value', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        for (const [index, isName] of guards.entries()) {
          const parse = parsers[index] as (value: unknown) => string
          if (isName(value)) expect(parse(value)).toBe(value)
          else messageOf(() => parse(value))
        }
      }),
    )
  })

  it.each([
    ['an empty name', '', 'an empty string'],
    ['65 characters', 'a'.repeat(65), '65 characters'],
    ['a space', 'shop 1', '" " at position 5'],
    ['a line break at the end', 'shop\n', '"\\n" at position 5'],
    ['a slash', 'a/b', '"/" at position 2'],
    ['a letter outside of ASCII', 'käse', '"ä" at position 2'],
    ['an emoji, whole', 'a😀', '"😀" at position 2'],
    ['a path to here', '.', 'is a path'],
    ['a path to the parent', '..', 'is a path'],
    ['nothing', undefined, 'nothing was given'],
    ['null', null, 'got null'],
    ['a number', 7, 'got a number'],
    ['an array that prints like a name', ['shop'], 'got an object'],
  ])('refuses %s and says why', (_what, value, reason) => {
    for (const isName of guards) expect(isName(value)).toBe(false)
    const message = messageOf(() => parseNodeId(value))
    expect(message).toContain(reason)
    expect(message).toContain('1 to 64 characters')
  })

  it('says where the value came from, or else what it should have been', () => {
    expect(messageOf(() => parseNodeId('', 'options.nodeId'))).toMatch(/^options\.nodeId: /)
    expect(messageOf(() => parseNodeId(''))).toMatch(/^node id: /)
    expect(messageOf(() => parseClusterName(''))).toMatch(/^cluster name: /)
    expect(messageOf(() => parseApplicationId(''))).toMatch(/^application id: /)
    expect(messageOf(() => parseApplicationId(''))).toContain('; an application id must be')
    expect(messageOf(() => parseNodeId(''))).toContain('; a node id must be')
    expect(messageOf(() => parseStreamName(''))).toMatch(/^lane name: /)
  })

  it('does not repeat a huge value in its message', () => {
    expect(messageOf(() => parseNodeId('/'.repeat(1_000_000))).length).toBeLessThan(300)
  })
})
