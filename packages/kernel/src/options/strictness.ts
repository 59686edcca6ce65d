import type { z } from 'zod'
import { invariant } from '../core/invariant.ts'

type AnySchema = z.core.$ZodType

interface Definition {
  readonly type: string
  readonly shape?: Readonly<Record<string, AnySchema>>
  readonly catchall?: AnySchema
  readonly innerType?: AnySchema
  readonly element?: AnySchema
  readonly valueType?: AnySchema
  readonly items?: readonly AnySchema[]
  readonly options?: readonly AnySchema[]
  readonly left?: AnySchema
  readonly right?: AnySchema
  readonly in?: AnySchema
}

/**
 * Makes sure that no object of the schema drops keys it does not know: a mistyped option would
 * be ignored silently. Objects that take any key (`z.looseObject`, `catchall`) are fine.
 */
export function refuseUnknownKeys(schema: AnySchema, seen: Set<AnySchema> = new Set()): void {
  if (seen.has(schema)) return
  seen.add(schema)
  const definition = schema._zod.def as unknown as Definition
  if (definition.type === 'object') {
    invariant(
      definition.catchall !== undefined,
      'An object in an option schema ignores unknown keys: use z.strictObject.',
    )
  }
  for (const child of childrenOf(definition)) refuseUnknownKeys(child, seen)
}

function childrenOf(definition: Definition): readonly AnySchema[] {
  const singles = [
    definition.innerType,
    definition.element,
    definition.valueType,
    definition.left,
    definition.right,
    definition.in,
  ]
  return [
    ...singles.filter((child) => child !== undefined),
    ...Object.values(definition.shape ?? {}),
    ...(definition.items ?? []),
    ...(definition.options ?? []),
  ]
}
