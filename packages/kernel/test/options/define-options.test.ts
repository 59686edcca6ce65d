import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { isNodosumError, type NodosumError } from '../../src/index.ts'
import { defineOptions, integer, type OptionsOf, problemsMax, text } from '../../src/options.ts'
import { defaults, errorOf, problemsOf, table } from './probe-options.ts'

describe('parsing options', () => {
  it('fills in every default', () => {
    expect(table.defaults()).toEqual(defaults)
    expect(table.parse({})).toEqual(defaults)
    expect(table.parse(undefined)).toEqual(defaults)
    expect(table.parse({ probesMax: undefined })).toEqual(defaults)
  })

  it('takes what is given, up to both bounds', () => {
    expect(table.parse({ probePeriodMs: 100, probesMax: 10, lossRatio: 1 })).toEqual({
      ...defaults,
      probePeriodMs: 100,
      probesMax: 10,
      lossRatio: 1,
    })
    expect(table.parse({ probePeriodMs: 60_000 }).probePeriodMs).toBe(60_000)
  })

  it('says of every problem where it is, what is expected and what it got', () => {
    const problems = problemsOf(() =>
      table.parse({
        probePeriodMs: 50,
        probesMax: 1.5,
        packetBytesMax: '1400',
        lossRatio: Number.NaN,
        enabled: 'yes',
        transport: 'tcp',
        label: 'UPPER',
      }),
    )
    expect(problems).toEqual([
      'probePeriodMs: expected a whole number of ms from 100 to 60,000, got 50',
      'probesMax: expected a whole number of probes from 0 to 10, got 1.5',
      'packetBytesMax: expected a whole number of bytes from 0 to 65,507, got "1400"',
      'lossRatio: expected a number from 0 to 1, got NaN',
      'enabled: expected true or false, got "yes"',
      'transport: expected "auto" or "quic" or "h2", got "tcp"',
      'label: expected a string of 1 to 8 characters that matches ^[a-z]+$, got "UPPER"',
    ])
  })

  it('puts the name of the table, the count and every problem into the message', () => {
    const error = errorOf(() =>
      table.parse({ probesMax: -1, enabled: 1 }, { path: 'limits.probes' }),
    )
    expect(error.message).toBe(
      'The options of probes have 2 problems:\n' +
        '  - limits.probes.probesMax: expected a whole number of probes from 0 to 10, got -1\n' +
        '  - limits.probes.enabled: expected true or false, got 1',
    )
    expect(error.details.options).toBe('probes')
    expect(errorOf(() => table.parse({ enabled: 1 })).message).toContain('1 problem:')
  })

  it.each([
    ['probePeriod', 'probePeriodMs'],
    ['probePeriodms', 'probePeriodMs'],
    ['probeMax', 'probesMax'],
    ['porbesMax', 'probesMax'],
    ['packetBytes', 'packetBytesMax'],
    ['enable', 'enabled'],
    ['Transport', 'transport'],
  ])('refuses the unknown key %s and suggests %s', (given, meant) => {
    expect(problemsOf(() => table.parse({ [given]: 1 }))).toEqual([
      `${given}: unknown key, did you mean '${meant}'?`,
    ])
  })

  it('lists the known keys when none resembles the unknown one', () => {
    const [problem] = problemsOf(() => table.parse({ zzzzzzzz: 1 }))
    expect(problem).toBe(
      "zzzzzzzz: unknown key, known are 'probePeriodMs', 'probesMax', 'packetBytesMax', " +
        "'lossRatio', 'enabled', 'transport', 'label'",
    )
  })

  it('reports unknown keys and wrong values together', () => {
    expect(problemsOf(() => table.parse({ probesMax: 11, probeMax: 3 }))).toHaveLength(2)
  })

  it.each([
    ['null', null, 'the options: expected an object, got null'],
    ['an array', [], 'the options: expected an object, got an array of 0'],
    ['a text', 'quic', 'the options: expected an object, got "quic"'],
    ['a function', () => {}, 'the options: expected an object, got a function'],
  ])('refuses %s in place of the options', (_what, value, problem) => {
    expect(problemsOf(() => table.parse(value))).toEqual([problem])
  })

  it('ends in frozen options or in one coded error, whatever it is given', () => {
    const keys = fc.constantFrom(...Object.keys(defaults), 'other', '__proto__', 'toString')
    const inputs = fc.oneof(fc.anything(), fc.dictionary(keys, fc.anything()))
    fc.assert(
      fc.property(inputs, (input) => {
        try {
          expect(Object.isFrozen(table.parse(input))).toBe(true)
        } catch (error) {
          expect(isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID')).toBe(true)
          expect((error as NodosumError).details.problems).not.toEqual([])
        }
      }),
    )
  })

  it('lists a bounded number of problems', () => {
    const input = Object.fromEntries(
      Array.from({ length: problemsMax + 20 }, (_, index) => [`unknown${index}`, 1]),
    )
    const problems = problemsOf(() => table.parse(input))
    expect(problems).toHaveLength(problemsMax + 1)
    expect(problems.at(-1)).toBe('and 20 more')
  })

  it('keeps a hostile key on its line', () => {
    expect(problemsOf(() => table.parse({ 'a\n  - b': 1 }))[0]).toMatch(/^"a\\n {2}- b": unknown/)
    const [problem = ''] = problemsOf(() => table.parse({ ['k'.repeat(100_000)]: 1 }))
    expect(problem.length).toBeLessThan(300)
  })
})

describe('nested options', () => {
  const logger = { info: (): void => {}, nested: { mutable: true } }
  const nested = defineOptions({
    name: 'node',
    schema: z.strictObject({
      cluster: text({ description: 'Required.' }),
      probes: table.schema.prefault({}),
      listen: z
        .strictObject({
          port: integer({ default: 6969, min: 0, max: 65_535, description: 'Port.' }),
        })
        .prefault({}),
      admin: z
        .union([
          z.literal(false),
          z.strictObject({ port: integer({ min: 1, max: 65_535, description: 'Port.' }) }),
        ])
        .default(false),
      seeds: z
        .array(text({ description: 'host:port' }))
        .max(3)
        .default([]),
      tags: z.record(z.string(), z.string()).default({}),
      logger: z.custom<typeof logger>((value) => typeof value === 'object').optional(),
      even: z
        .number()
        .refine((value) => value % 2 === 0, 'must be even')
        .optional(),
    }),
  })

  it('compose from tables, with the defaults of every level', () => {
    expect(nested.parse({ cluster: 'shop' })).toEqual({
      cluster: 'shop',
      probes: defaults,
      listen: { port: 6969 },
      admin: false,
      seeds: [],
      tags: {},
    })
    const given = nested.parse({ cluster: 'shop', probes: { probesMax: 1 } })
    expect(given.probes.probesMax).toBe(1)
    const typed: OptionsOf<typeof nested> = given
    expect(typed.listen.port).toBe(6969)
  })

  it('name the path down to the value', () => {
    const input = {
      probes: { probesMax: -1, probeMax: 1 },
      listen: { prot: 1 },
      seeds: ['a', 5, ''],
      tags: { zone: 1 },
      even: 3,
    }
    expect(problemsOf(() => nested.parse(input))).toEqual([
      'cluster: required and missing; expected a string of 1 to 4,096 characters',
      'probes.probesMax: expected a whole number of probes from 0 to 10, got -1',
      "probes.probeMax: unknown key, did you mean 'probesMax'?",
      "listen.prot: unknown key, did you mean 'port'?",
      'seeds[1]: expected a string of 1 to 4,096 characters, got 5',
      'seeds[2]: expected a string of 1 to 4,096 characters, got ""',
      'tags.zone: expected a string, got 1',
      'even: must be even (got 3)',
    ])
  })

  it('follow the alternative that was meant', () => {
    const admin = (value: unknown): readonly string[] =>
      problemsOf(() => nested.parse({ cluster: 'shop', admin: value }))
    expect(admin({ prot: 80 })).toEqual([
      'admin.port: required and missing; expected a whole number from 1 to 65,535',
      "admin.prot: unknown key, did you mean 'port'?",
    ])
    expect(admin({ port: 0 })).toEqual([
      'admin.port: expected a whole number from 1 to 65,535, got 0',
    ])
    expect(admin('yes')).toEqual(['admin: expected false, or an object, got "yes"'])
    expect(admin(true)).toEqual(['admin: expected false, or an object, got true'])
  })

  it('are frozen all the way down, while what belongs to the caller is not', () => {
    const input = { cluster: 'shop', seeds: ['a'], tags: { zone: '1' }, admin: { port: 1 }, logger }
    const parsed = nested.parse(input)
    for (const value of [parsed, parsed.probes, parsed.seeds, parsed.tags, parsed.admin]) {
      expect(Object.isFrozen(value)).toBe(true)
    }
    expect(parsed.logger).toBe(logger)
    for (const value of [input, input.seeds, input.tags, input.admin, logger, logger.nested]) {
      expect(Object.isFrozen(value)).toBe(false)
    }
  })

  it('do not share their defaults between two parses', () => {
    const one = nested.parse({ cluster: 'shop' })
    expect(() => (one.seeds as string[]).push('a')).toThrow(TypeError)
    expect(nested.parse({ cluster: 'shop' }).seeds).toEqual([])
  })

  it('have no defaults as a whole when one is required', () => {
    expect(problemsOf(() => nested.defaults())).toEqual([
      'cluster: required and missing; expected a string of 1 to 4,096 characters',
    ])
  })

  it('must be strict at every level, or the table is refused', () => {
    const loose = z.object({ a: z.string() })
    const schemas = [
      loose,
      z.strictObject({ inner: loose }),
      z.strictObject({ inner: loose.prefault({ a: '' }) }),
      z.strictObject({ inner: z.array(loose).optional() }),
      z.strictObject({ inner: z.record(z.string(), loose) }),
      z.strictObject({ inner: z.union([z.literal(false), loose]) }),
      z.strictObject({ inner: z.tuple([loose]) }),
      z.strictObject({ inner: loose.transform((value) => value.a) }),
    ]
    for (const schema of schemas) {
      expect(() => defineOptions({ name: 'loose', schema })).toThrow(
        expect.objectContaining({ code: 'ERR_NODOSUM_INVARIANT_VIOLATED' }),
      )
    }
    const free = z.strictObject({ inner: z.looseObject({}) })
    expect(() => defineOptions({ name: 'free', schema: free })).not.toThrow()
  })

  it('may refer to themselves', () => {
    const tree = z.strictObject({
      get children(): z.ZodOptional<z.ZodArray<typeof tree>> {
        return z.array(tree).optional()
      },
    })
    const trees = defineOptions({ name: 'tree', schema: tree })
    expect(trees.parse({ children: [{}] })).toEqual({ children: [{}] })
    expect(trees.reference()).toHaveLength(1)
  })
})
