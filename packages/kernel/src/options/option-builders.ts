import { z } from 'zod'
import { invariant } from '../core/invariant.ts'

/**
 * When a changed value takes effect: `hot` at once, `drain` after the node was drained,
 * `restart` when the process starts again.
 */
export type ReloadKind = 'hot' | 'drain' | 'restart'

/** What is told of every option. */
export interface OptionNotes {
  /** What the option means, in one or two sentences. */
  readonly description: string
  /** Where the default or the bounds come from. */
  readonly source?: string
  /** When a change takes effect; default `restart`. */
  readonly reload?: ReloadKind
}

/** A whole number and its bounds, both inclusive. */
export interface IntegerOption extends OptionNotes {
  readonly min: number
  readonly max: number
  readonly unit?: string
}

/** Any finite number and its bounds, both inclusive. */
export interface DecimalOption extends OptionNotes {
  readonly min: number
  readonly max: number
  readonly unit?: string
}

/** A duration in whole milliseconds and its bounds, both inclusive; `min` is 0 unless given. */
export interface DurationOption extends OptionNotes {
  readonly min?: number
  readonly max: number
}

/** A size in whole bytes and its bounds, both inclusive; `min` is 0 unless given. */
export interface BytesOption extends OptionNotes {
  readonly min?: number
  readonly max: number
}

/** A text and its bounds. */
export interface TextOption extends OptionNotes {
  /** Fewest characters; default 1. */
  readonly lengthMin?: number
  /** Most characters; default 4,096. */
  readonly lengthMax?: number
  readonly pattern?: RegExp
  /** Whether the value must never be printed, neither in errors nor elsewhere; default false. */
  readonly secret?: boolean
}

/** One of some words. */
export interface ChoiceOption<V extends string> extends OptionNotes {
  readonly values: readonly [V, ...V[]]
}

/** A whole number. Required when it has no default. */
export function integer(
  option: IntegerOption & { readonly default: number },
): z.ZodDefault<z.ZodNumber>
export function integer(option: IntegerOption): z.ZodNumber
export function integer(
  option: IntegerOption & { readonly default?: number },
): z.ZodNumber | z.ZodDefault<z.ZodNumber> {
  return wholeNumber(option, option.min, option.unit)
}

/** A number that need not be whole. Required when it has no default. */
export function decimal(
  option: DecimalOption & { readonly default: number },
): z.ZodDefault<z.ZodNumber>
export function decimal(option: DecimalOption): z.ZodNumber
export function decimal(
  option: DecimalOption & { readonly default?: number },
): z.ZodNumber | z.ZodDefault<z.ZodNumber> {
  checkBounds(option.min, option.max)
  return noted(z.number().min(option.min).max(option.max), option, option.unit)
}

/** A duration in milliseconds. Required when it has no default. */
export function duration(
  option: DurationOption & { readonly default: number },
): z.ZodDefault<z.ZodNumber>
export function duration(option: DurationOption): z.ZodNumber
export function duration(
  option: DurationOption & { readonly default?: number },
): z.ZodNumber | z.ZodDefault<z.ZodNumber> {
  return wholeNumber(option, option.min ?? 0, 'ms')
}

/** A size in bytes. Required when it has no default. */
export function bytes(option: BytesOption & { readonly default: number }): z.ZodDefault<z.ZodNumber>
export function bytes(option: BytesOption): z.ZodNumber
export function bytes(
  option: BytesOption & { readonly default?: number },
): z.ZodNumber | z.ZodDefault<z.ZodNumber> {
  return wholeNumber(option, option.min ?? 0, 'bytes')
}

/** True or false. Required when it has no default. */
export function flag(
  option: OptionNotes & { readonly default: boolean },
): z.ZodDefault<z.ZodBoolean>
export function flag(option: OptionNotes): z.ZodBoolean
export function flag(
  option: OptionNotes & { readonly default?: boolean },
): z.ZodBoolean | z.ZodDefault<z.ZodBoolean> {
  return noted(z.boolean(), option)
}

/** A text. Required when it has no default. */
export function text(option: TextOption & { readonly default: string }): z.ZodDefault<z.ZodString>
export function text(option: TextOption): z.ZodString
export function text(
  option: TextOption & { readonly default?: string },
): z.ZodString | z.ZodDefault<z.ZodString> {
  const lengthMin = option.lengthMin ?? 1
  const lengthMax = option.lengthMax ?? 4_096
  checkBounds(lengthMin, lengthMax)
  const sized = z.string().min(lengthMin).max(lengthMax)
  const schema = option.pattern === undefined ? sized : sized.regex(option.pattern)
  // writeOnly is JSON Schema's own word for a value that must not be shown.
  return noted(schema, option, undefined, option.secret === true ? { writeOnly: true } : {})
}

/** One of some words. Required when it has no default. */
export function choice<const V extends string>(
  option: ChoiceOption<V> & { readonly default: NoInfer<V> },
): z.ZodDefault<z.ZodEnum<{ [K in V]: K }>>
export function choice<const V extends string>(option: ChoiceOption<V>): z.ZodEnum<{ [K in V]: K }>
export function choice<const V extends string>(
  option: ChoiceOption<V> & { readonly default?: V },
): z.ZodEnum<{ [K in V]: K }> | z.ZodDefault<z.ZodEnum<{ [K in V]: K }>> {
  const { default: defaultValue, ...rest } = option
  const schema = z.enum(option.values) as unknown as z.ZodEnum<{ [K in V]: K }>
  return noted(schema, {
    ...rest,
    ...(defaultValue === undefined ? {} : { default: defaultValue }),
  })
}

function wholeNumber(
  option: OptionNotes & { readonly max: number; readonly default?: number },
  min: number,
  unit: string | undefined,
): z.ZodNumber | z.ZodDefault<z.ZodNumber> {
  checkBounds(min, option.max)
  return noted(z.number().int().min(min).max(option.max), option, unit)
}

/** Adds the default and the notes; the notes become part of the JSON Schema. */
function noted<S extends z.ZodType>(
  schema: S,
  option: OptionNotes & { readonly default?: unknown },
  unit?: string,
  more: Readonly<Record<string, unknown>> = {},
): S | z.ZodDefault<S> {
  const notes = {
    description: option.description,
    ...(unit === undefined ? {} : { 'x-nodosum-unit': unit }),
    ...(option.source === undefined ? {} : { 'x-nodosum-source': option.source }),
    'x-nodosum-reload': option.reload ?? 'restart',
    ...more,
  }
  if (option.default === undefined) return schema.meta(notes)
  invariant(
    schema.safeParse(option.default).success,
    'The default of an option must be inside its own bounds.',
  )
  const withDefault = z._default(schema, option.default as never) as unknown as z.ZodDefault<S>
  return withDefault.meta(notes)
}

function checkBounds(min: number, max: number): void {
  invariant(
    Number.isFinite(min) && Number.isFinite(max) && min <= max,
    'The bounds of an option must be finite, the lower one first.',
  )
}
