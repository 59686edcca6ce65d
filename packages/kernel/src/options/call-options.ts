import { NodosumError } from '../core/nodosum-error.ts'
import { closestKey } from './closest-key.ts'

/** One option of one call: a check that costs next to nothing, and words for when it fails. */
export interface CallOption {
  /** What the option takes, such as `true or false`. */
  readonly takes: string
  readonly accepts: (value: unknown) => boolean
}

/** The options of one call by name. */
export type CallOptions = ReadonlyMap<string, CallOption>

/** The longest time that a call may wait. */
const callTimeoutMsMax = 86_400_000

/** A time in milliseconds, fractions allowed, up to a day. */
export function callDuration(minMs: number): CallOption {
  return {
    takes: `a number of milliseconds from ${minMs} to ${callTimeoutMsMax}`,
    // NaN fails both comparisons.
    accepts: (value) => typeof value === 'number' && value >= minMs && value <= callTimeoutMsMax,
  }
}

export const callFlag: CallOption = {
  takes: 'true or false',
  accepts: (value) => typeof value === 'boolean',
}

/** By its shape: a signal of another realm or a polyfill is one too. */
export const callSignal: CallOption = {
  takes: 'an AbortSignal, such as new AbortController().signal',
  accepts: (value) =>
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { aborted?: unknown }).aborted === 'boolean' &&
    typeof (value as { addEventListener?: unknown }).addEventListener === 'function',
}

export function callChoice(...words: readonly string[]): CallOption {
  return { takes: oneOf(words), accepts: (value) => words.includes(value as string) }
}

/**
 * Checks what a caller passed as options. Undefined passes, as a whole and for each option; what
 * nobody reads is refused, since it was meant to do something.
 *
 * @param call how the call is written, such as `request(to, payload, options)`
 * @throws `CONFIG_INVALID` that names the call, the option and what it takes
 */
export function checkCallOptions(call: string, given: unknown, known: CallOptions): void {
  if (given === undefined) return
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid(call, `takes its options as an object ${shape(known)}, not ${described(given)}`)
  }
  for (const name in given) {
    const value = (given as Record<string, unknown>)[name]
    const option = known.get(name)
    if (option === undefined) throw invalid(call, unknownOption(name, known))
    if (value !== undefined && !option.accepts(value)) {
      throw invalid(call, `${name} takes ${option.takes}, not ${described(value)}`)
    }
  }
}

/**
 * Checks that a word is one of a few.
 *
 * @param where the call, such as `node.on(event, listener)`
 * @throws `CONFIG_INVALID` with the words there are and the one that was probably meant
 */
export function checkWord(where: string, value: unknown, words: readonly string[]): void {
  if (words.includes(value as string)) return
  const guess = typeof value === 'string' ? closestKey(value, words) : undefined
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`
  throw invalid(where, `takes ${oneOf(words)}, not ${described(value)}${hint}`)
}

/** @throws `CONFIG_INVALID` for what is no function */
export function checkFunction(where: string, value: unknown, meaning: string): void {
  if (typeof value === 'function') return
  throw invalid(where, `takes a function, ${meaning}, not ${described(value)}`)
}

/** A value in few words, for messages; never its content when that is long. */
export function described(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 64 ? `a string of ${value.length} characters` : JSON.stringify(value)
    case 'bigint':
      return `${value}n`
    case 'function':
      return 'a function'
    case 'symbol':
      return 'a symbol'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
    default:
      return String(value)
  }
}

function unknownOption(name: string, known: CallOptions): string {
  const names = [...known.keys()]
  const guess = closestKey(name, names)
  const given = name.length > 64 ? `an option of ${name.length} characters` : `'${name}'`
  if (guess === undefined) return `has no option ${given}; it takes ${shape(known)}`
  return `has no option ${given}; did you mean '${guess}', ${known.get(guess)?.takes}?`
}

function shape(known: CallOptions): string {
  return `{ ${[...known.keys()].join(', ')} }`
}

function oneOf(words: readonly string[]): string {
  const quoted = words.map((word) => `'${word}'`)
  return `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
}

function invalid(call: string, words: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', `${call} ${words}`)
}
