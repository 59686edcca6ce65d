import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  bytes,
  choice,
  decimal,
  defineOptions,
  duration,
  flag,
  integer,
  text,
} from '../../src/options.ts'
import { defaults, problemsOf, table } from './probe-options.ts'

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
  it('says what is said of a group before its options', () => {
    const listen = z.strictObject({ port: integer({ min: 0, max: 9, description: 'Where.' }) })
    const groups = defineOptions({
      name: 'groups',
      schema: z.strictObject({
        listen: listen.prefault({ port: 1 }).describe('On loopback.'),
        silent: z.strictObject({ on: flag({ description: 'Whether.' }) }).optional(),
      }),
    })
    const rows = groups.reference().map(({ path, type, description }) => [path, type, description])
    expect(rows).toEqual([
      ['listen', 'object', 'On loopback.'],
      ['listen.port', 'integer', 'Where.'],
      ['silent.on', 'boolean', 'Whether.'],
    ])
    expect(groups.reference()[0]?.default).toBeUndefined()
  })

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
