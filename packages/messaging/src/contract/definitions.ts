import { NodosumError } from '@nodosum/kernel'
import { described } from '@nodosum/kernel/options'
import { isSchema, type Schema } from '../adapters/standard-schema.ts'

/** The errors that a method may end with, by code: a schema for the data of each. */
export type ErrorSchemas = Readonly<Record<string, Schema>>

/** One question, one answer. */
export interface RequestDefinition<
  In extends Schema = Schema,
  Out extends Schema = Schema,
  Errors extends ErrorSchemas = ErrorSchemas,
> {
  readonly kind: 'request'
  readonly input: In
  readonly output: Out
  readonly errors: Errors
  readonly idempotent: boolean
}

/** Something that is told and has no answer. */
export interface MessageDefinition<Payload extends Schema = Schema> {
  readonly kind: 'message'
  readonly payload: Payload
}

/** One question, any number of items as the answer. */
export interface StreamingDefinition<
  In extends Schema = Schema,
  Item extends Schema = Schema,
  Errors extends ErrorSchemas = ErrorSchemas,
> {
  readonly kind: 'streaming'
  readonly input: In
  readonly item: Item
  readonly errors: Errors
}

export type Definition = RequestDefinition | MessageDefinition | StreamingDefinition

/** Most errors that one method declares. */
export const errorsMax = 64

const errorCodePattern = /^[A-Z][A-Z0-9_]{0,63}$/

/**
 * A method that answers.
 *
 * @param definition `input` and `output`: schemas of any library that follows Standard Schema.
 *   `errors`: codes in capitals, each with the schema of its data, at most 64. `idempotent`: may
 *   run twice, so that it is sent again after an unknown outcome.
 * @throws `CONFIG_INVALID` that names the part that is wrong
 */
export function request<
  In extends Schema,
  Out extends Schema,
  Errors extends ErrorSchemas = Record<never, Schema>,
>(definition: {
  readonly input: In
  readonly output: Out
  readonly errors?: Errors
  readonly idempotent?: boolean
}): RequestDefinition<In, Out, Errors> {
  const call = 'request({ input, output, errors, idempotent })'
  checkParts(call, definition, ['input', 'output'], ['errors', 'idempotent'])
  const { input, output, idempotent = false } = definition
  if (typeof idempotent !== 'boolean') {
    throw invalid(`${call}: idempotent is true or false, not ${described(idempotent)}`)
  }
  const errors = checkedErrors(call, definition.errors)
  return Object.freeze({ kind: 'request', input, output, errors, idempotent })
}

/** A message without an answer. @throws `CONFIG_INVALID` for what is no schema */
export function message<Payload extends Schema>(definition: {
  readonly payload: Payload
}): MessageDefinition<Payload> {
  checkParts('message({ payload })', definition, ['payload'], [])
  return Object.freeze({ kind: 'message', payload: definition.payload })
}

/**
 * A method that answers with items, one after the other, as fast as its caller takes them.
 *
 * @throws `CONFIG_INVALID` that names the part that is wrong
 */
export function streaming<
  In extends Schema,
  Item extends Schema,
  Errors extends ErrorSchemas = Record<never, Schema>,
>(definition: {
  readonly input: In
  readonly item: Item
  readonly errors?: Errors
}): StreamingDefinition<In, Item, Errors> {
  const call = 'streaming({ input, item, errors })'
  checkParts(call, definition, ['input', 'item'], ['errors'])
  const { input, item } = definition
  const errors = checkedErrors(call, definition.errors)
  return Object.freeze({ kind: 'streaming', input, item, errors })
}

function checkParts(
  call: string,
  definition: unknown,
  schemas: readonly string[],
  others: readonly string[],
): void {
  if (typeof definition !== 'object' || definition === null) {
    throw invalid(`${call} takes an object, not ${described(definition)}`)
  }
  for (const part of schemas) {
    const schema = (definition as Record<string, unknown>)[part]
    if (!isSchema(schema)) throw invalid(`${call}: ${part} ${noSchema(schema)}`)
  }
  for (const part of Object.keys(definition)) {
    if (schemas.includes(part) || others.includes(part)) continue
    throw invalid(`${call} has no part ${part}`)
  }
}

function checkedErrors<Errors extends ErrorSchemas>(
  call: string,
  errors: Errors | undefined,
): Errors {
  if (errors === undefined) return {} as Errors
  if (typeof errors !== 'object' || errors === null || Array.isArray(errors)) {
    throw invalid(`${call}: errors is an object of codes and schemas, not ${described(errors)}`)
  }
  const entries = Object.entries(errors)
  if (entries.length > errorsMax) {
    throw invalid(`${call}: ${entries.length} errors; a method declares at most ${errorsMax}`)
  }
  for (const [code, schema] of entries) {
    if (!errorCodePattern.test(code) || code.startsWith('ERR_NODOSUM')) {
      const rule = 'is 1 to 64 of A-Z 0-9 _, and does not begin with ERR_NODOSUM'
      throw invalid(`${call}: the code of an error ${rule}; got ${described(code)}`)
    }
    if (!isSchema(schema)) throw invalid(`${call}: errors.${code} ${noSchema(schema)}`)
  }
  return Object.freeze({ ...errors })
}

function noSchema(value: unknown): string {
  return (
    `has to be a schema of a library that follows Standard Schema, such as z.object({}), ` +
    `not ${described(value)}`
  )
}

export function invalid(words: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', words)
}
