import { NodosumError } from '@nodosum/kernel'
import { described } from '@nodosum/kernel/options'
import {
  type InputOf,
  judge,
  type OutputOf,
  type Schema,
  type Verdict,
} from '../adapters/standard-schema.ts'
import { DeclaredFailure, InputRefused } from '../driver/failure.ts'
import type { MessageContext } from '../driver/handler-context.ts'
import { isThenable } from '../driver/handlers.ts'
import type { Definitions, MethodName, MethodOf } from './contract.ts'
import { isContractError } from './contract-error.ts'
import {
  type Definition,
  invalid,
  type MessageDefinition,
  type RequestDefinition,
  type StreamingDefinition,
} from './definitions.ts'
import { InTurn } from './in-turn.ts'

/** What implements a method: it gets what the schema made of the input. */
export type HandlerOf<D> =
  D extends RequestDefinition<infer In, infer Out, infer _Errors>
    ? (input: OutputOf<In>, context: MessageContext) => InputOf<Out> | Promise<InputOf<Out>>
    : D extends StreamingDefinition<infer In, infer Item, infer _Errors>
      ? (input: OutputOf<In>, context: MessageContext) => AsyncIterable<InputOf<Item>>
      : D extends MessageDefinition<infer Payload>
        ? (payload: OutputOf<Payload>, context: MessageContext) => void | Promise<void>
        : never

/** A handler for every method. */
export type HandlersOf<Methods extends Definitions> = {
  readonly [Name in keyof Methods]: HandlerOf<Methods[Name]>
}

/** Streams items; `check` is asked for each before it leaves. */
export interface StreamHandler {
  readonly kind: 'streaming'
  open(payload: unknown, context: MessageContext): Promise<AsyncIterator<unknown>>
  check(item: unknown): unknown
  /** What is told of an error of the handler. */
  failure(error: unknown): Promise<unknown>
}

/** One method, with its payloads checked. */
export type MethodHandler =
  | {
      readonly kind: 'request' | 'message'
      readonly handle: (payload: unknown, context: MessageContext) => unknown
    }
  | StreamHandler

const brand: symbol = Symbol.for('nodosum.implementation')

/** The handlers of an application, ready to be registered. */
export interface Implementation {
  readonly application: string
  readonly methods: ReadonlyMap<string, MethodHandler>
}

/** Whether a value was made by `implement` of a contract. */
export function isImplementation(value: unknown): value is Implementation {
  return typeof value === 'object' && value !== null && brand in value
}

type Handler = (payload: unknown, context: MessageContext) => unknown
type AnyMethod = MethodOf<Definition>

/** @throws `CONFIG_INVALID` with everything that is wrong with the handlers */
export function implementation(
  application: string,
  methods: Readonly<Record<string, AnyMethod>>,
  handlers: unknown,
): Implementation {
  const where = `${application}.implement(handlers)`
  if (typeof handlers !== 'object' || handlers === null) {
    throw invalid(
      `${where} takes an object with a handler for each method, not ${described(handlers)}`,
    )
  }
  const given = handlers as Readonly<Record<string, unknown>>
  const problems: string[] = []
  for (const name of Object.keys(methods)) {
    const handler = given[name]
    if (handler === undefined) problems.push(`${name} has no handler`)
    else if (typeof handler !== 'function') {
      problems.push(`${name} is ${described(handler)}, no function`)
    }
  }
  for (const name of Object.keys(given)) {
    // What an object has besides functions is its own affair.
    if (typeof given[name] === 'function' && !Object.hasOwn(methods, name))
      problems.push(`the contract has no method ${name}`)
  }
  if (problems.length > 0) throw invalid(`${where}: ${problems.join('; ')}`)
  const all = Object.entries(methods).map(([name, method]): [string, MethodHandler] => [
    name,
    handlerOf(method, (given[name] as Handler).bind(handlers)),
  ])
  const made: Implementation = { application, methods: new Map(all) }
  Object.defineProperty(made, brand, { value: true })
  return Object.freeze(made)
}

function handlerOf(method: AnyMethod, handler: Handler): MethodHandler {
  if (method.kind === 'request') return { kind: 'request', handle: answering(method, handler) }
  if (method.kind === 'message') return { kind: 'message', handle: hearing(method, handler) }
  return {
    kind: 'streaming',
    open: async (payload, context) => {
      const verdict = await judge(method.input, payload, 'input')
      const items = handler(accepted(verdict, method, 'input'), context)
      const iterator = (items as AsyncIterable<unknown> | undefined)?.[Symbol.asyncIterator]?.()
      if (iterator !== undefined) return iterator
      const what = `the handler of ${method.application}.${method.name} returned ${described(items)}`
      throw invalid(`${what}: write it as async *${method.name}(input, context) { yield … }`)
    },
    check: (item) => checked(method.item, item, 'item', method),
    failure: (error) => declared(method, error),
  }
}

/** Checks the input, runs the handler, checks its reply. Stays synchronous where all three are. */
function answering(method: AnyMethod & { kind: 'request' }, handler: Handler): Handler {
  const { input, output } = method
  const reply = (result: unknown): unknown => checked(output, result, 'reply', method)
  const run = (verdict: Verdict, context: MessageContext): unknown => {
    const value = accepted(verdict, method, 'input')
    let result: unknown
    try {
      result = handler(value, context)
    } catch (error) {
      return rethrown(method, error)
    }
    if (!isThenable(result)) return reply(result)
    return result.then(reply, (error: unknown) => rethrown(method, error))
  }
  return (payload, context) => {
    const verdict = judge(input, payload, 'input')
    if (!(verdict instanceof Promise)) return run(verdict, context)
    return verdict.then((later) => run(later, context))
  }
}

/** Checks the payload and runs the handler, in the order in which messages came. */
function hearing(method: AnyMethod & { kind: 'message' }, handler: Handler): Handler {
  const turns = new InTurn()
  const run = (verdict: Verdict, context: MessageContext): unknown =>
    handler(accepted(verdict, method, 'payload'), context)
  return (payload, context) => {
    const verdict = judge(method.payload, payload, 'payload')
    if (!(verdict instanceof Promise) && turns.isEmpty) return run(verdict, context)
    return turns.run(`${context.lane}/${context.from}`, verdict, (later) => run(later, context))
  }
}

/** The value that the schema made. @throws `InputRefused` */
function accepted(verdict: Verdict, method: AnyMethod, root: string): unknown {
  if (verdict.issues === null) return verdict.value
  throw new InputRefused(refusalText(method, root, verdict.issues), verdict.issues)
}

/** The value itself, once its schema takes it; what the schema makes of it, it makes at the receiver. */
function checked(schema: Schema, value: unknown, root: string, method: AnyMethod): unknown {
  const verdict = judge(schema, value, root)
  if (!(verdict instanceof Promise)) return taken(verdict, value, root, method)
  return verdict.then((later) => taken(later, value, root, method))
}

function taken(verdict: Verdict, value: unknown, root: string, method: AnyMethod): unknown {
  if (verdict.issues === null) return value
  throw payloadInvalid(method, root, verdict.issues)
}

export function payloadInvalid(
  method: MethodName,
  root: string,
  issues: readonly string[],
): NodosumError {
  const message = refusalText(method, root, issues)
  return new NodosumError('ERR_NODOSUM_PAYLOAD_INVALID', message, { details: { issues } })
}

function refusalText(method: MethodName, root: string, issues: readonly string[]): string {
  return `${root} does not fit ${method.application}.${method.name}: ${issues.join('; ')}`
}

async function rethrown(method: AnyMethod, error: unknown): Promise<never> {
  throw await declared(method, error)
}

/** What travels of an error: with its data, if the method declares it and the data fits. */
async function declared(method: AnyMethod, error: unknown): Promise<unknown> {
  if (method.kind === 'message' || !isContractError(error, method)) return error
  const schema = Object.hasOwn(method.errors, error.code) ? method.errors[error.code] : undefined
  if (schema === undefined) return error
  const verdict = await judge(schema, error.data, `${error.code} data`)
  if (verdict.issues !== null) return payloadInvalid(method, `${error.code} data`, verdict.issues)
  return new DeclaredFailure(error.code, error.message, error.data)
}
