import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineOptions, integer, text } from '../../src/options.ts'
import { errorOf, problemsOf } from './probe-options.ts'

describe('secrets in problems', () => {
  const secrets = defineOptions({
    name: 'secrets',
    schema: z.strictObject({
      pin: text({ secret: true, lengthMax: 4, description: 'Marked.' }).optional(),
      adminToken: text({ lengthMax: 4, description: 'Recognised by its name.' }).optional(),
      gossipKeys: z.array(text({ lengthMax: 4, description: 'A key.' })).default([]),
      banner: text({ lengthMax: 4, description: 'Not secret.' }).optional(),
    }),
  })

  it('are counted, not printed', () => {
    const error = errorOf(() =>
      secrets.parse({
        pin: 'hunter2',
        adminToken: 'hunter2',
        gossipKeys: ['hunter2'],
        banner: 'hello',
      }),
    )
    expect(error.message).not.toContain('hunter2')
    expect(error.details.problems).toEqual([
      'pin: expected a string of 1 to 4 characters, got a string of 7 characters',
      'adminToken: expected a string of 1 to 4 characters, got a string of 7 characters',
      'gossipKeys[0]: expected a string of 1 to 4 characters, got a string of 7 characters',
      'banner: expected a string of 1 to 4 characters, got "hello"',
    ])
  })

  it('are marked in the JSON Schema', () => {
    expect(secrets.jsonSchema()).toMatchObject({ properties: { pin: { writeOnly: true } } })
  })

  it('nor is any other long text repeated', () => {
    const error = errorOf(() => secrets.parse({ banner: 'x'.repeat(10_000) }))
    expect(error.message).toContain('a string of 10,000 characters')
  })
})

describe('problems of less common schemas', () => {
  const table = defineOptions({
    name: 'rare',
    schema: z.strictObject({
      nothing: z.null().optional(),
      maybe: z.number().nullable().optional(),
      count: integer({ min: 1, max: 10, description: 'How many.' }).nullable().optional(),
      many: z.array(z.string()).min(2).optional(),
      few: z.array(z.string()).max(1).optional(),
      above: z.number().gt(0).optional(),
      below: z.number().lt(1_000).optional(),
      atLeast: z.number().min(-5).optional(),
      pair: z.tuple([z.string(), z.boolean()]).optional(),
      store: z
        .discriminatedUnion('kind', [
          z.strictObject({ kind: z.literal('file'), path: z.string() }),
          z.strictObject({ kind: z.literal('memory') }),
        ])
        .optional(),
      callback: z.custom<() => void>((value) => typeof value === 'function').optional(),
      empty: z.strictObject({}).optional(),
      address: z.union([z.string(), z.strictObject({ host: z.string() })]).optional(),
    }),
  })

  it.each([
    [{ nothing: 1 }, 'nothing: expected null, got 1'],
    [{ maybe: 'x' }, 'maybe: expected a number, or null, got "x"'],
    [{ count: 11 }, 'count: expected a whole number from 1 to 10, or null, got 11'],
    [{ many: ['a'] }, 'many: expected an array of string, at least 2 items, got an array of 1'],
    [{ few: ['a', 'b'] }, 'few: expected an array of string, at most 1 items, got an array of 2'],
    [{ above: 0 }, 'above: expected a number, above 0, got 0'],
    [{ below: 1_000 }, 'below: expected a number, below 1,000, got 1000'],
    [{ atLeast: -6 }, 'atLeast: expected a number, at least -5, got -6'],
    [{ atLeast: 5n }, 'atLeast: expected a number, at least -5, got 5n'],
    [{ pair: ['a', 1] }, 'pair[1]: expected true or false, got 1'],
    [{ store: { kind: 'file', path: 1 } }, 'store.path: expected a string, got 1'],
    [{ store: { kind: 'disk' } }, 'store.kind: expected "file", or "memory", got "disk"'],
    [{ callback: 1 }, 'callback: Invalid input (got 1)'],
    [{ empty: { a: 1 } }, 'empty.a: unknown key, none is expected here'],
    [{ address: 5 }, 'address: expected a string, or an object, got 5'],
    [{ address: { host: 5 } }, 'address.host: expected a string, got 5'],
  ])('are told as well: %o', (input, problem) => {
    expect(problemsOf(() => table.parse(input))).toEqual([problem])
  })
})
