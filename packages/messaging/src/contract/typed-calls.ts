import { isNodosumError, type Scheduler } from '@nodosum/kernel'
import type { PayloadCodec } from '../adapters/cbor-payload.ts'
import type { InputOf, OutputOf, Schema, Verdict } from '../adapters/standard-schema.ts'
import { judge } from '../adapters/standard-schema.ts'
import type { Target } from '../core/target.ts'
import type { Application } from '../driver/application.ts'
import { checkContractCall } from '../driver/call-checks.ts'
import type {
  BroadcastOptions,
  Outcome,
  RequestOptions,
  SendOptions,
} from '../driver/call-options.ts'
import { RemoteError } from '../driver/failure.ts'
import type { Lane } from '../driver/lane.ts'
import { withDeadline } from '../driver/request-waits.ts'
import type { StreamCall, StreamOptions } from '../driver/stream-call.ts'
import type { MessageMethod, MethodName, RequestMethod, StreamingMethod } from './contract.ts'
import { ContractError } from './contract-error.ts'
import type { ErrorSchemas } from './definitions.ts'
import { payloadInvalid } from './implement.ts'

export interface TypedRequestOptions extends Omit<RequestOptions, 'idempotent'> {
  /** Whom to ask. Default: any ready member that runs the application. */
  readonly to?: Target | undefined
}

export interface TypedSendOptions extends SendOptions {
  /** Whom to tell. Default: any ready member that runs the application. */
  readonly to?: Target | undefined
  /** A named lane of the application: its own order and its own flow control. */
  readonly lane?: string | undefined
}

export interface TypedBroadcastOptions extends BroadcastOptions {
  /** A named lane of the application: its own order and its own flow control. */
  readonly lane?: string | undefined
}

export interface TypedStreamOptions extends StreamOptions {
  /** Whom to ask. Default: any ready member that runs the application. */
  readonly to?: Target | undefined
}

/** Calls by contract. Payloads are checked by their schemas on both sides. */
export interface TypedCalls {
  /**
   * Resolves with the reply, or rejects with exactly one coded error. What the method declares in
   * `errors` arrives as a `ContractError` with its data; whatever else the handler threw as
   * `REMOTE_ERROR`, with its name, message and code as `cause`.
   *
   * @throws `PAYLOAD_INVALID` when the input, or the reply that came, does not fit the contract:
   *   `details.issues` has the path of each issue; and what `request` of an application throws
   */
  request<In extends Schema, Out extends Schema, Errors extends ErrorSchemas>(
    method: RequestMethod<In, Out, Errors>,
    input: InputOf<In>,
    options?: TypedRequestOptions,
  ): Promise<OutputOf<Out>>
  /**
   * Sends to one node, to each of several, or to whom a rule names. Resolves as `confirm` says.
   *
   * @throws `PAYLOAD_INVALID` when the payload does not fit, here or where it arrives, and what
   *   `send` of an application throws
   */
  send<Payload extends Schema>(
    method: MessageMethod<Payload>,
    payload: InputOf<Payload>,
    options?: TypedSendOptions,
  ): Promise<void>
  /** Sends to every member that runs the application; says for each node how it went. */
  broadcast<Payload extends Schema>(
    method: MessageMethod<Payload>,
    payload: InputOf<Payload>,
    options?: TypedBroadcastOptions,
  ): Promise<ReadonlyMap<string, Outcome>>
  /**
   * Asks for items, when the first is asked for. The producer goes as fast as they are taken, by
   * `streamWindowItems` and `streamWindowBytes`. To leave the loop, to abort `signal` or to let
   * `timeoutMs` pass ends the stream at both ends.
   *
   * The loop throws exactly one coded error: what the handler threw, after the items before it;
   * `REQUEST_TIMEOUT`, `CANCELLED`, `DELIVERY_UNKNOWN` when the other process or the session is
   * lost; `LIMIT_STREAMS` and what else `request` of an application throws.
   */
  stream<In extends Schema, Item extends Schema, Errors extends ErrorSchemas>(
    method: StreamingMethod<In, Item, Errors>,
    input: InputOf<In>,
    options?: TypedStreamOptions,
  ): AsyncIterableIterator<OutputOf<Item>>
}

/** What calls by contract need of the node around them. */
export interface TypedCallsHost {
  readonly scheduler: Scheduler
  readonly codec: PayloadCodec
  application(id: string): Application
  /** @param options how items are checked, besides what the caller says */
  stream(call: {
    readonly application: string
    readonly method: string
    readonly to: Target
    readonly options: StreamOptions
    readonly input: () => Promise<unknown>
    readonly check: (item: unknown) => Promise<unknown>
    readonly explain: (error: unknown) => Promise<unknown>
  }): StreamCall
}

/** Any ready member; another one at each attempt. */
const anyNode: Target = { kind: 'any', key: null }

interface Waiting {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** The calls of one node. */
export function typedCalls(host: TypedCallsHost): TypedCalls {
  /** Schemas can be asynchronous; nobody waits for one for ever. */
  async function verdict(
    schema: Schema,
    value: unknown,
    root: string,
    { timeoutMs, signal }: Waiting,
  ): Promise<Verdict> {
    const said = judge(schema, value, root)
    if (!(said instanceof Promise)) return said
    try {
      return await withDeadline(said, timeoutMs, host.scheduler, signal)
    } catch (error) {
      if (!isNodosumError(error, 'ERR_NODOSUM_NOT_CONNECTED')) throw error
      const issues = [`${root}: its schema did not answer within ${Math.round(timeoutMs)} ms`]
      return { value: undefined, issues }
    }
  }

  async function fitting(
    method: MethodName,
    schema: Schema,
    value: unknown,
    root: string,
    waiting: Waiting,
  ): Promise<unknown> {
    const said = await verdict(schema, value, root, waiting)
    if (said.issues === null) return said.value
    throw payloadInvalid(method, root, said.issues)
  }

  /** What a caller gets of an error that the other node sent. */
  async function explained(
    method: MethodName & { readonly errors: ErrorSchemas },
    error: unknown,
    waiting: Waiting,
  ): Promise<unknown> {
    if (!isNodosumError(error, 'ERR_NODOSUM_REMOTE_ERROR')) return error
    const { cause } = error
    if (!(cause instanceof RemoteError) || cause.data === undefined) return error
    const { code, data, message } = cause
    const schema = Object.hasOwn(method.errors, code) ? method.errors[code] : undefined
    // Declared by the other node's contract, which is newer or older.
    if (schema === undefined) return error
    try {
      const value = host.codec.decode(data.bytes, data.cbor)
      const fits = await fitting(method, schema, value, `${code} data`, waiting)
      const node = String(error.details.node)
      return new ContractError(
        { application: method.application, method: method.name, node },
        code,
        fits,
        message,
      )
    } catch (unfit) {
      return unfit
    }
  }

  function laneOf(method: MethodName, lane: string | undefined): Lane {
    const application = host.application(method.application)
    return lane === undefined ? application : application.lane(lane)
  }

  /** How long checking what is sent may take. */
  function waitOf(
    method: MethodName,
    { timeoutMs, signal }: Pick<SendOptions, 'timeoutMs' | 'signal'>,
  ): { timeoutMs: number; signal: AbortSignal | undefined } {
    const { sendTimeoutMs } = host.application(method.application).policy.settings
    return { timeoutMs: timeoutMs ?? sendTimeoutMs, signal }
  }

  const calls = {
    async request(
      method: RequestMethod,
      input: unknown,
      options?: TypedRequestOptions,
    ): Promise<unknown> {
      checkContractCall('request', method, options)
      const application = host.application(method.application)
      const { requestTimeoutMs } = application.policy.settings
      const { to = anyNode, timeoutMs = requestTimeoutMs, signal, ...more } = options ?? {}
      const untilMs = host.scheduler.nowMs() + timeoutMs
      const left = (): number => Math.max(1, untilMs - host.scheduler.nowMs())
      await fitting(method, method.input, input, 'input', { timeoutMs, signal })
      let reply: unknown
      try {
        const sent = { ...more, timeoutMs: left(), signal, idempotent: method.idempotent }
        reply = await application.request(to, input, sent, method.name)
      } catch (error) {
        throw await explained(method, error, { timeoutMs: left(), signal: undefined })
      }
      return fitting(method, method.output, reply, 'reply', { timeoutMs: left(), signal })
    },

    async send(method: MessageMethod, payload: unknown, options?: TypedSendOptions): Promise<void> {
      checkContractCall('send', method, options)
      const { to = anyNode, lane, ...settings } = options ?? {}
      await fitting(method, method.payload, payload, 'payload', waitOf(method, settings))
      await laneOf(method, lane).send(to, payload, settings, method.name)
    },

    async broadcast(
      method: MessageMethod,
      payload: unknown,
      options?: TypedBroadcastOptions,
    ): Promise<ReadonlyMap<string, Outcome>> {
      checkContractCall('broadcast', method, options)
      const { lane, ...settings } = options ?? {}
      await fitting(method, method.payload, payload, 'payload', waitOf(method, settings))
      return laneOf(method, lane).broadcast(payload, settings, method.name)
    },

    stream(method: StreamingMethod, input: unknown, options?: TypedStreamOptions): StreamCall {
      checkContractCall('stream', method, options)
      const { to = anyNode, ...settings } = options ?? {}
      const { signal } = settings
      const { requestTimeoutMs } = host.application(method.application).policy.settings
      const waiting = { timeoutMs: settings.timeoutMs ?? requestTimeoutMs, signal }
      return host.stream({
        application: method.application,
        method: method.name,
        to,
        options: settings,
        input: async () => {
          await fitting(method, method.input, input, 'input', waiting)
          return input
        },
        check: (item) => fitting(method, method.item, item, 'item', waiting),
        explain: (error) => explained(method, error, { ...waiting, signal: undefined }),
      })
    },
  }
  return calls as TypedCalls
}
