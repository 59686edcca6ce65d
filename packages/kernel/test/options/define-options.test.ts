import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { isNodosumError, type NodosumError } from '../../src/index.ts'
import {
  bytes,
  choice,
  decimal,
  defineOptions,
  duration,
  flag,
  integer,
  type OptionsOf,
  type OptionTable,
  problemsMax,
  text,
} from '../../src/options.ts'

interface ProbeOptions {
  readonly probePeriodMs: number
  readonly probesMax: number
  readonly packetBytesMax: number
  readonly lossRatio: number
  readonly enabled: boolean
  readonly transport: 'auto' | 'quic' | 'h2'
  readonly label: string
}

const table: OptionTable<ProbeOptions> = defineOptions({
  name: 'probes',
  schema: z.strictObject({
    probePeriodMs: duration({
      default: 1_000,
      min: 100,
      max: 60_000,
      description: 'How often a member is probed.',
      source: 'memberlist DefaultLANConfig',
      reload: 'hot',
    }),
    probesMax: integer({ default: 3, min: 0, max: 10, unit: 'probes', description: 'At once.' }),
    packetBytesMax: bytes({ default: 1_400, max: 65_507, description: 'Largest packet.' }),
    lossRatio: decimal({ default: 0.1, min: 0, max: 1, description: 'Tolerated loss.' }),
    enabled: flag({ default: true, description: 'Whether to probe.' }),
    transport: choice({ values: ['auto', 'quic', 'h2'], default: 'auto', description: 'How.' }),
    label: text({ default: 'x', lengthMax: 8, pattern: /^[a-z]+$/, description: 'A name.' }),
  }),
})

const defaults: ProbeOptions = {
  probePeriodMs: 1_000,
  probesMax: 3,
  packetBytesMax: 1_400,
  lossRatio: 0.1,
  enabled: true,
  transport: 'auto',
  label: 'x',
}

function errorOf(run: () => unknown): NodosumError {
  try {
    run()
  } catch (error) {
    if (isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID')) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const problemsOf = (run: () => unknown): readonly string[] =>
  errorOf(run).details.problems as readonly string[]

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

describe('the JSON Schema of options', () => {
  it('has types, bounds, defaults, and the notes of Nodosum', () => {
    expect(table.jsonSchema()).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      additionalProperties: false,
      properties: {
        probePeriodMs: {
          type: 'integer',
          minimum: 100,
          maximum: 60_000,
          default: 1_000,
          description: 'How often a member is probed.',
          'x-nodosum-unit': 'ms',
          'x-nodosum-source': 'memberlist DefaultLANConfig',
          'x-nodosum-reload': 'hot',
        },
        packetBytesMax: { type: 'integer', 'x-nodosum-unit': 'bytes' },
        enabled: { type: 'boolean', default: true, 'x-nodosum-reload': 'restart' },
        transport: { enum: ['auto', 'quic', 'h2'], default: 'auto' },
        label: { type: 'string', minLength: 1, maxLength: 8, pattern: '^[a-z]+$' },
      },
    })
  })

  it('requires nothing that has a default', () => {
    expect(table.jsonSchema()).not.toHaveProperty('required')
  })
})

describe('the reference of options', () => {
  it('has a row for each option', () => {
    expect(table.reference()).toHaveLength(Object.keys(defaults).length)
    expect(table.reference()[0]).toEqual({
      path: 'probePeriodMs',
      type: 'integer',
      default: 1_000,
      required: false,
      unit: 'ms',
      range: '100 to 60,000',
      reload: 'hot',
      description: 'How often a member is probed.',
      source: 'memberlist DefaultLANConfig',
    })
    expect(table.reference().map((row) => [row.path, row.type, row.unit, row.range])).toEqual([
      ['probePeriodMs', 'integer', 'ms', '100 to 60,000'],
      ['probesMax', 'integer', 'probes', '0 to 10'],
      ['packetBytesMax', 'integer', 'bytes', '0 to 65,507'],
      ['lossRatio', 'number', null, '0 to 1'],
      ['enabled', 'boolean', null, null],
      ['transport', '"auto" or "quic" or "h2"', null, null],
      ['label', 'string', null, '1 to 8 characters'],
    ])
  })

  it('shows nested options by their path, and alternatives beside their options', () => {
    const nested = defineOptions({
      name: 'node',
      schema: z.strictObject({
        cluster: text({ description: 'Which.' }),
        listen: z.strictObject({ port: integer({ min: 0, max: 9, description: 'Port.' }) }),
        admin: z
          .union([z.literal(false), z.strictObject({ host: text({ description: 'Host.' }) })])
          .default(false)
          .meta({ description: 'The admin API.', 'x-nodosum-reload': 'restart' }),
        seeds: z.array(z.string()).min(1).max(3),
        onLoss: z
          .custom<() => void>((value) => typeof value === 'function')
          .optional()
          .meta({ 'x-nodosum-type': 'function' }),
      }),
    })
    const rows = nested.reference().map((row) => [row.path, row.type, row.required, row.range])
    expect(rows).toEqual([
      ['cluster', 'string', true, '1 to 4,096 characters'],
      ['listen.port', 'integer', true, '0 to 9'],
      ['admin', 'false or object', false, null],
      ['admin.host', 'string', true, '1 to 4,096 characters'],
      ['seeds', 'array of string', true, '1 to 3 items'],
      ['onLoss', 'function', false, null],
    ])
    expect(nested.reference()[2]).toMatchObject({
      default: false,
      description: 'The admin API.',
      reload: 'restart',
    })
    expect(nested.reference()[4]).toMatchObject({ reload: null, source: null, description: '' })
  })

  it('tells the same defaults that parsing gives', () => {
    const parsed = table.defaults() as unknown as Record<string, unknown>
    for (const row of table.reference())
      expect([row.path, parsed[row.path]]).toEqual([row.path, row.default])
  })
})

describe('option builders', () => {
  const violated = expect.objectContaining({ code: 'ERR_NODOSUM_INVARIANT_VIOLATED' })
  const description = 'x'

  it('refuse a default outside of its own bounds', () => {
    expect(() => integer({ default: 11, min: 0, max: 10, description })).toThrow(violated)
    expect(() => integer({ default: 0.5, min: 0, max: 10, description })).toThrow(violated)
    expect(() => decimal({ default: 2, min: 0, max: 1, description })).toThrow(violated)
    expect(() => text({ default: '', description })).toThrow(violated)
    expect(() => choice({ values: ['a'], default: 'b' as 'a', description })).toThrow(violated)
  })

  it('refuse bounds in the wrong order or without an end', () => {
    expect(() => integer({ min: 2, max: 1, description })).toThrow(violated)
    expect(() => duration({ max: Number.POSITIVE_INFINITY, description })).toThrow(violated)
    expect(() => decimal({ min: Number.NaN, max: 1, description })).toThrow(violated)
    expect(() => text({ lengthMin: 5, lengthMax: 4, description })).toThrow(violated)
  })

  it('make options required that have no default', () => {
    const required = defineOptions({
      name: 'required',
      schema: z.strictObject({
        count: integer({ min: 0, max: 1, description }),
        share: decimal({ min: 0, max: 1, description }),
        waitMs: duration({ max: 1, description }),
        size: bytes({ max: 1, description }),
        on: flag({ description }),
        name: text({ description }),
        mode: choice({ values: ['a', 'b'], description }),
      }),
    })
    expect(problemsOf(() => required.parse({}))).toHaveLength(7)
    expect(required.reference().every((row) => row.required)).toBe(true)
    const given = { count: 1, share: 0.5, waitMs: 0, size: 1, on: false, name: 'n', mode: 'b' }
    expect(required.parse(given)).toEqual(given)
  })
})
