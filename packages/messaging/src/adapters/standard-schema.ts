import { described } from '@nodosum/kernel/options'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { pathOf } from './plain-data.ts'

/** A schema of any library that follows Standard Schema, such as Zod, Valibot or ArkType. */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>

/** What may be given to a schema. */
export type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>

/** What a schema makes of it. */
export type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>

/** What a schema says of a value: what it made of it, or what is wrong, each with its path. */
export type Verdict =
  | { readonly value: unknown; readonly issues: null }
  | { readonly value: undefined; readonly issues: readonly string[] }

/** So many issues of one value are told. */
export const issuesMax = 16

/** So much of an issue's own words. */
const wordsMax = 200

export function isSchema(value: unknown): value is Schema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const { '~standard': standard } = value as { '~standard'?: unknown }
  if (typeof standard !== 'object' || standard === null) return false
  const { version, validate } = standard as { version?: unknown; validate?: unknown }
  return version === 1 && typeof validate === 'function'
}

/**
 * Asks a schema, which may answer later. Never throws and never rejects: what a schema throws is
 * an issue of the value.
 *
 * @param root what the value is called in paths, such as `input`
 */
export function judge(schema: Schema, value: unknown, root: string): Verdict | Promise<Verdict> {
  let result: StandardSchemaV1.Result<unknown> | Promise<StandardSchemaV1.Result<unknown>>
  try {
    result = schema['~standard'].validate(value)
    if (!(result instanceof Promise)) return verdictOf(result, root)
  } catch (error) {
    return threw(root, error)
  }
  return result.then(
    (later) => verdictOf(later, root),
    (error: unknown) => threw(root, error),
  )
}

function verdictOf(result: StandardSchemaV1.Result<unknown>, root: string): Verdict {
  const { issues } = result
  if (issues === undefined) return { value: result.value, issues: null }
  const told = issues.slice(0, issuesMax).map((issue) => issueText(issue, root))
  // Whoever refuses without a reason refuses.
  if (told.length === 0) told.push(`${root}: is refused by its schema`)
  return { value: undefined, issues: told }
}

function issueText({ message, path }: StandardSchemaV1.Issue, root: string): string {
  const trail = (path ?? []).map((segment) => {
    const key = typeof segment === 'object' ? segment.key : segment
    return typeof key === 'symbol' ? String(key) : key
  })
  const words = String(message).slice(0, wordsMax).replaceAll('\n', ' ')
  return `${pathOf(root, trail.slice(0, 32))}: ${words}`
}

function threw(root: string, error: unknown): Verdict {
  const reason = error instanceof Error ? error.message : described(error)
  const words = `${root}: its schema threw: ${reason.slice(0, wordsMax).replaceAll('\n', ' ')}`
  return { value: undefined, issues: [words] }
}
