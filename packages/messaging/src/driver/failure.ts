import { type ErrorCode, errorCatalog, isNodosumError, NodosumError } from '@nodosum/kernel'
import type { Failure } from '../wire/message-frames.ts'

/** A refusal by this node, as it travels. */
export function refusal(code: ErrorCode, message: string): Failure {
  return { code, name: '', message, remoteCode: '' }
}

/** What a handler threw, as it travels; it can be anything. */
export function handlerFailure(error: unknown): Failure {
  if (!(error instanceof Error)) {
    return { code: '', name: 'Error', message: textOf(() => error), remoteCode: '' }
  }
  return {
    code: '',
    name: textOf(() => error.name),
    message: textOf(() => error.message),
    remoteCode: textOf(() => (error as { code?: unknown }).code ?? ''),
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
    return new NodosumError(code, `${peer}: ${failure.message}`, { details: { node: peer } })
  }
  return new NodosumError('ERR_NODOSUM_REMOTE_ERROR', `${peer}: ${failure.message}`, {
    details: {
      node: peer,
      remoteName: failure.name,
      remoteMessage: failure.message,
      remoteCode: failure.remoteCode,
    },
  })
}

/** A code for an outcome, whatever was thrown. */
export function codeOf(error: unknown): ErrorCode {
  return isNodosumError(error) ? error.code : 'ERR_NODOSUM_REMOTE_ERROR'
}
