import {
  type ErrorCode,
  errorCatalog,
  isNodosumError,
  NodosumError,
  utf8Decode,
  utf8Encode,
} from '@nodosum/kernel'
import type { PayloadCodec } from '../adapters/cbor-payload.ts'
import { issuesMax } from '../adapters/standard-schema.ts'
import type { LaneRefusal } from '../ports.ts'
import {
  envelopeBytesMax,
  type Failure,
  type FailureData,
  failureBytesMax,
} from '../wire/message-frames.ts'

/** What arrived does not fit the contract; its handler did not start. */
export class InputRefused extends Error {
  /** The issues, as they travel. */
  readonly data: FailureData

  constructor(message: string, issues: readonly string[]) {
    super(message)
    this.data = { bytes: utf8Encode(issues.join('\n')), cbor: false }
  }
}

/** A handler threw an error that its contract declares. */
export class DeclaredFailure extends Error {
  readonly code: string
  readonly data: unknown

  constructor(code: string, message: string, data: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** What a handler on another node threw, as `cause` of the `REMOTE_ERROR`. */
export class RemoteError extends Error {
  readonly code: string
  /** Of an error that the contract may declare. */
  readonly data: FailureData | undefined

  constructor(failure: Failure) {
    super(failure.message)
    this.name = failure.name
    this.code = failure.remoteCode
    this.data = failure.data
    // Where it was thrown only the other node knows.
    this.stack = `${failure.name}: ${failure.message}`
    // For contracts only; an error that is printed does not show bytes.
    Object.defineProperty(this, 'data', { enumerable: false })
  }
}

/**
 * A refusal by this node, as it travels.
 *
 * @param more `retryAfterMs`: when the same may be asked again, 0 when nobody knows; `data`: what is
 *   wrong with a payload
 */
export function refusal(
  code: ErrorCode,
  message: string,
  { retryAfterMs = 0, data }: { retryAfterMs?: number; data?: FailureData | undefined } = {},
): Failure {
  const afterMs = Number.isFinite(retryAfterMs) ? Math.ceil(retryAfterMs) : 0
  return { code, name: '', message, remoteCode: '', retryable: false, retryAfterMs: afterMs, data }
}

/** What a handler threw, as it travels; it can be anything. */
export function handlerFailure(error: unknown): Failure {
  if (error instanceof InputRefused) {
    return refusal('ERR_NODOSUM_PAYLOAD_INVALID', error.message, { data: error.data })
  }
  const unknown = { code: '', name: 'Error', remoteCode: '', retryable: false, retryAfterMs: 0 }
  if (!(error instanceof Error)) return { ...unknown, message: textOf(() => error) }
  return {
    ...unknown,
    name: textOf(() => error.name),
    message: textOf(() => error.message),
    remoteCode: textOf(() => (error as { code?: unknown }).code ?? ''),
    retryable: isDeclaredRetryable(error),
  }
}

/**
 * Errors of Nodosum that a handler lets through do not count: they come from another request, and
 * whoever made that one has tried it as often as is good.
 */
function isDeclaredRetryable(error: Error): boolean {
  if (isNodosumError(error)) return false
  try {
    return (error as { retryable?: unknown }).retryable === true
  } catch {
    return false
  }
}

/** The same; of an error that a contract declares its data travels along. */
export function declaredFailure(error: unknown, codec: PayloadCodec, bytesMax: number): Failure {
  if (!(error instanceof DeclaredFailure)) return handlerFailure(error)
  const { code, message } = error
  try {
    const data = codec.encode(error.data, `${code} data`)
    const size = data.bytes.length + failureBytesMax
    if (size > bytesMax) throw tooLarge(`the data of ${code}`, size, 0, bytesMax)
    const name = 'ContractError'
    return { code: '', name, message, remoteCode: code, retryable: false, retryAfterMs: 0, data }
  } catch (unfit) {
    return handlerFailure(unfit)
  }
}

/** A getter or a conversion of a foreign object may throw as well. */
function textOf(read: () => unknown): string {
  try {
    return String(read())
  } catch {
    return ''
  }
}

/** The error that the caller gets for a failure that arrived. */
export function errorOf(failure: Failure, peer: string): NodosumError {
  if (Object.hasOwn(errorCatalog, failure.code)) {
    const code = failure.code as ErrorCode
    const { retryAfterMs } = failure
    const issues = issuesOf(failure)
    const details = {
      node: peer,
      ...(issues === null ? {} : { issues }),
      ...(retryAfterMs > 0 && { retryAfterMs }),
    }
    return new NodosumError(code, `${peer}: ${failure.message}`, { details })
  }
  return new NodosumError('ERR_NODOSUM_REMOTE_ERROR', `${peer}: ${failure.message}`, {
    cause: new RemoteError(failure),
    details: {
      node: peer,
      remoteName: failure.name,
      remoteMessage: failure.message,
      remoteCode: failure.remoteCode,
      remoteRetryable: failure.retryable,
    },
  })
}

/** What a refused lane means for what was to go over it. */
export function laneError({ code, message }: LaneRefusal, peer: string): NodosumError {
  const lane = { name: '', remoteCode: code, retryable: false, retryAfterMs: 0 }
  return errorOf({ code, message, ...lane }, peer)
}

/** What is wrong with a payload, one line for each value. */
function issuesOf({ code, data }: Failure): string[] | null {
  if (code !== 'ERR_NODOSUM_PAYLOAD_INVALID' || data === undefined || data.cbor) return null
  return utf8Decode(data.bytes)?.split('\n').slice(0, issuesMax) ?? null
}

/** Whether a payload and the headers before it are more than one frame may hold. */
export function isTooLarge(payloadBytes: number, headerBytes: number, bytesMax: number): boolean {
  return payloadBytes + headerBytes + envelopeBytesMax > bytesMax
}

/** @param what whose payload it is, such as `the message to b` */
export function tooLarge(
  what: string,
  payloadBytes: number,
  headerBytes: number,
  bytesMax: number,
): NodosumError {
  const limit = Math.max(0, bytesMax - envelopeBytesMax - headerBytes)
  const message =
    `${what} has ${payloadBytes} bytes, over the limit of ${limit}: send it in parts, or raise ` +
    `layers.streams.messageBytesMax, which is ${bytesMax} here, on every node`
  const details = { bytes: payloadBytes, bytesMax: limit }
  return new NodosumError('ERR_NODOSUM_MESSAGE_TOO_LARGE', message, { details })
}

/**
 * What lies behind an error: the first in its chain of causes that says more than that there is
 * no session. Null when nothing does.
 */
export function reasonOf(error: unknown): NodosumError | null {
  let each = error
  // A chain that somebody closed to a ring has no end.
  for (let depth = 0; depth < 16 && isNodosumError(each); depth++) {
    if (each.code !== 'ERR_NODOSUM_NOT_CONNECTED') return each
    each = each.cause
  }
  return null
}

/** There is no session, and why: the last failure to get one, if there was any. */
export function notConnected(message: string, last: unknown): NodosumError {
  const reason = reasonOf(last)
  const text = reason === null ? message : `${message}: ${reason.code}: ${reason.message}`
  const cause = reason ?? last ?? undefined
  return new NodosumError('ERR_NODOSUM_NOT_CONNECTED', text, { cause })
}

/** A code for an outcome, whatever was thrown. */
export function codeOf(error: unknown): ErrorCode {
  return isNodosumError(error) ? error.code : 'ERR_NODOSUM_REMOTE_ERROR'
}
