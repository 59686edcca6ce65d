import { type ErrorCode, errorCatalog, isNodosumError, NodosumError } from '@nodosum/kernel'
import { envelopeBytesMax, type Failure } from '../wire/message-frames.ts'

/**
 * A refusal by this node, as it travels.
 *
 * @param retryAfterMs when the same may be asked again; 0 when nobody knows
 */
export function refusal(code: ErrorCode, message: string, retryAfterMs: number = 0): Failure {
  const afterMs = Number.isFinite(retryAfterMs) ? Math.ceil(retryAfterMs) : 0
  return { code, name: '', message, remoteCode: '', retryable: false, retryAfterMs: afterMs }
}

/** What a handler threw, as it travels; it can be anything. */
export function handlerFailure(error: unknown): Failure {
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
    const details = { node: peer, ...(retryAfterMs > 0 && { retryAfterMs }) }
    return new NodosumError(code, `${peer}: ${failure.message}`, { details })
  }
  return new NodosumError('ERR_NODOSUM_REMOTE_ERROR', `${peer}: ${failure.message}`, {
    details: {
      node: peer,
      remoteName: failure.name,
      remoteMessage: failure.message,
      remoteCode: failure.remoteCode,
      remoteRetryable: failure.retryable,
    },
  })
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
