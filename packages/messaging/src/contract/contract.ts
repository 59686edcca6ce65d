import { parseApplicationId } from '@nodosum/kernel'
import { described } from '@nodosum/kernel/options'
import type { InputOf, OutputOf, Schema } from '../adapters/standard-schema.ts'
import { ContractError, isContractError } from './contract-error.ts'
import {
  type Definition,
  type ErrorSchemas,
  invalid,
  type MessageDefinition,
  type RequestDefinition,
  type StreamingDefinition,
} from './definitions.ts'
import { type HandlersOf, type Implementation, implementation } from './implement.ts'

/**
 * The methods of a contract by name. No more than their kind, or the compiler would take what is
 * not given, such as `errors`, from here instead of from its default.
 */
export type Definitions = Readonly<Record<string, { readonly kind: Definition['kind'] }>>

/** Which method of which application. */
export interface MethodName {
  readonly application: string
  readonly name: string
}

/** Makes and recognises the errors that a method declares. */
export interface DeclaredErrors<Errors extends ErrorSchemas> {
  /**
   * The error that a handler of this method throws.
   *
   * @param message for people; it travels along. Default: method and code
   */
  error<Code extends keyof Errors & string>(
    code: Code,
    data: InputOf<Errors[Code]>,
    message?: string,
  ): ContractError<Code, InputOf<Errors[Code]>>
  /** Whether this is an error that this method declares, of this code if one is given. */
  isError<Code extends keyof Errors & string = keyof Errors & string>(
    error: unknown,
    code?: Code,
  ): error is { [C in Code]: ContractError<C, OutputOf<Errors[C]>> }[Code]
}

export interface RequestMethod<
  In extends Schema = Schema,
  Out extends Schema = Schema,
  Errors extends ErrorSchemas = ErrorSchemas,
> extends RequestDefinition<In, Out, Errors>,
    MethodName,
    DeclaredErrors<Errors> {}

export interface MessageMethod<Payload extends Schema = Schema>
  extends MessageDefinition<Payload>,
    MethodName {}

export interface StreamingMethod<
  In extends Schema = Schema,
  Item extends Schema = Schema,
  Errors extends ErrorSchemas = ErrorSchemas,
> extends StreamingDefinition<In, Item, Errors>,
    MethodName,
    DeclaredErrors<Errors> {}

/** A definition that belongs to a contract, so that it can be called. */
export type MethodOf<D> =
  D extends RequestDefinition<infer In, infer Out, infer Errors>
    ? RequestMethod<In, Out, Errors>
    : D extends StreamingDefinition<infer In, infer Item, infer Errors>
      ? StreamingMethod<In, Item, Errors>
      : D extends MessageDefinition<infer Payload>
        ? MessageMethod<Payload>
        : never

/** Its methods, to be called, and `implement`, for the nodes that run it. */
export type Contract<Methods extends Definitions = Definitions> = {
  readonly [Name in keyof Methods]: MethodOf<Methods[Name]>
} & {
  /** The id of the application. */
  readonly id: string
  /**
   * Handlers for every method, for `createNode({ applications: [shop.implement({ … })] })`.
   *
   * @throws `CONFIG_INVALID` with all handlers that are missing, too many, or no function
   */
  implement(handlers: HandlersOf<Methods>): Implementation
}

/** Most methods of one contract. */
export const methodsMax = 256

const methodPattern = /^[A-Za-z][A-Za-z0-9_]{0,63}$/

/** What a contract has besides methods, what makes it a promise, and what every object has. */
const takenNames: ReadonlySet<string> = new Set([
  'id',
  'implement',
  'then',
  'toJSON',
  'prototype',
  ...Object.getOwnPropertyNames(Object.prototype),
])

/**
 * The typed requests, messages and streams of an application. Both the nodes that run it and those
 * that call it import the same contract.
 *
 * @param id of the application: 1 to 64 of `A-Z a-z 0-9 . _ -`, not beginning with `nodosum.`
 * @param methods at most 256; names of 1 to 64 letters, digits and `_`
 * @throws `CONFIG_INVALID` that says what is wrong
 */
export function contract<const Methods extends Definitions>(
  id: string,
  methods: Methods,
): Contract<Methods> {
  const application: string = parseApplicationId(id, 'contract(id, methods)')
  if (application.startsWith('nodosum.')) {
    throw invalid(`contract('${application}', …): names that begin with "nodosum." are taken`)
  }
  const where = `contract('${application}', methods)`
  if (typeof methods !== 'object' || methods === null) {
    throw invalid(`${where}: methods is an object of definitions, not ${described(methods)}`)
  }
  const entries = Object.entries(methods)
  if (entries.length === 0 || entries.length > methodsMax) {
    throw invalid(`${where} has ${entries.length} methods; a contract has 1 to ${methodsMax}`)
  }
  const bound: [string, MethodOf<Definition>][] = entries.map(([name, definition]) => {
    if (!methodPattern.test(name) || takenNames.has(name)) {
      const rule = 'a method is named with 1 to 64 letters, digits and _, and not like'
      throw invalid(`${where}: ${described(name)}: ${rule} id, implement or what every object has`)
    }
    if (!isDefinition(definition)) {
      throw invalid(`${where}: ${name} is made with request(), message() or streaming()`)
    }
    return [name, methodOf(application, name, definition)]
  })
  const all = Object.fromEntries(bound)
  return Object.freeze({
    ...all,
    id: application,
    implement: (handlers: Record<string, unknown>) => implementation(application, all, handlers),
  }) as unknown as Contract<Methods>
}

function isDefinition(value: unknown): value is Definition {
  const kind = (value as { kind?: unknown } | null | undefined)?.kind
  return kind === 'request' || kind === 'message' || kind === 'streaming'
}

function methodOf(application: string, name: string, definition: Definition): MethodOf<Definition> {
  if (definition.kind === 'message') return Object.freeze({ ...definition, application, name })
  const method = { application, name }
  const declared: DeclaredErrors<ErrorSchemas> = {
    error: (code, data, message = `${application}.${name}: ${code}`) => {
      if (!Object.hasOwn(definition.errors, code)) {
        throw invalid(`${application}.${name} declares no error ${described(code)}`)
      }
      return new ContractError({ application, method: name, node: null }, code, data, message)
    },
    isError: ((error: unknown, code?: string) =>
      isContractError(error, method) &&
      (code === undefined || error.code === code)) as DeclaredErrors<ErrorSchemas>['isError'],
  }
  return Object.freeze({ ...definition, ...method, ...declared })
}
