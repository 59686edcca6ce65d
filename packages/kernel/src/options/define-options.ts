import { z } from 'zod'
import { NodosumError } from '../core/nodosum-error.ts'
import { freezeParsed } from './freeze-parsed.ts'
import { describeProblems } from './option-problems.ts'
import { type OptionReference, referenceOf } from './option-reference.ts'
import type { SchemaNode } from './schema-node.ts'
import { refuseUnknownKeys } from './strictness.ts'

/** The most problems one error lists. */
export const problemsMax = 100

/**
 * The options of one part: a single source for defaults, validation, JSON Schema and reference.
 *
 * Declarations are compiled in isolation, so an exported table names its type:
 * `export const streamsOptions: OptionTable<StreamsOptions> = defineOptions({ ... })`. The
 * compiler checks that interface and schema agree.
 */
export interface OptionTable<Output extends object, Input = unknown> {
  /** For composing tables: `z.strictObject({ streams: streamsOptions.schema.prefault({}) })`. */
  readonly schema: z.ZodType<Output, Input>
  /** Whose options these are; begins every message. */
  readonly name: string
  /**
   * Checks the input, fills in defaults and freezes the result, all the way down. What is passed
   * through as it is (a logger, a function) stays untouched. Undefined counts as `{}`.
   *
   * @param context.path where the input was found, put before the path of each problem
   * @throws ERR_NODOSUM_CONFIG_INVALID that lists every problem; `details.problems` has them singly
   */
  parse(input: unknown, context?: { readonly path?: string }): Readonly<Output>
  /** The options when nothing is given. @throws ERR_NODOSUM_CONFIG_INVALID if one is required */
  defaults(): Readonly<Output>
  /** JSON Schema (draft 2020-12) of the input, with units, sources and reload kinds. */
  jsonSchema(): Record<string, unknown>
  /** One row for each option, for documents and tools. */
  reference(): OptionReference[]
}

/** The parsed options of a table: `OptionsOf<typeof streamsOptions>`. */
export type OptionsOf<T> =
  T extends OptionTable<infer Output, infer _Input> ? Readonly<Output> : never

/**
 * Declares the options of one part. Objects must be strict at every level, so that an unknown
 * key is a problem, never ignored.
 *
 * @throws ERR_NODOSUM_INVARIANT_VIOLATED when an object of the schema would drop unknown keys
 */
export function defineOptions<S extends z.ZodObject>(definition: {
  readonly name: string
  readonly schema: S
}): OptionTable<z.output<S>, z.input<S>> {
  const { name, schema } = definition
  refuseUnknownKeys(schema)

  const jsonSchema = (): Record<string, unknown> =>
    z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>

  const parse = (input: unknown, context: { readonly path?: string } = {}): z.output<S> => {
    const given = input === undefined ? {} : input
    const result = schema.safeParse(given)
    if (result.success) return freezeParsed(result.data, given)
    const node = jsonSchema() as SchemaNode
    const problems = describeProblems(result.error.issues, given, node, context.path ?? '')
    throw invalid(name, problems)
  }

  return {
    schema: schema as unknown as z.ZodType<z.output<S>, z.input<S>>,
    name,
    parse,
    defaults: () => parse({}),
    jsonSchema,
    reference: () => referenceOf(jsonSchema() as SchemaNode),
  }
}

function invalid(name: string, problems: readonly string[]): NodosumError {
  const listed = problems.slice(0, problemsMax)
  const omitted = problems.length - listed.length
  if (omitted > 0) listed.push(`and ${omitted} more`)
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `The options of ${name} have ${count}:\n${listed.map((line) => `  - ${line}`).join('\n')}`,
    { details: { options: name, problems: listed } },
  )
}
