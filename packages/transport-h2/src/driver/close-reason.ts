/** Why a connection ended, in words that say what to do. */
import { NodosumError } from '@nodosum/kernel'
import { layerCodes } from '../core/close-codes.ts'
import { cutReason, type Farewell } from '../wire/farewell.ts'

/** How this end closes a connection. */
export interface LocalClose {
  /** What the peer is told; null when there is nobody to tell. */
  readonly farewell: Farewell | null
  readonly error: NodosumError | null
}

export function closedByCaller(code: number, reason: string): LocalClose {
  return { farewell: { kind: 'close', code, reason: cutReason(reason) }, error: null }
}

/** The peer's certificate or protocol is not what it must be. */
export function peerRefused(error: NodosumError): LocalClose {
  return {
    farewell: { kind: 'refusal', code: layerCodes.peerRefused, reason: error.code },
    error,
  }
}

export function versionRefused(peer: string, detail: string): LocalClose {
  const message = `${peer} and this node share no version of the protocol (${detail}): upgrade the older one`
  const error = new NodosumError('ERR_NODOSUM_VERSION_INCOMPATIBLE', message, { details: { peer } })
  return peerRefused(error)
}

export function handshakeTimedOut(peer: string, connectTimeoutMs: number): LocalClose {
  const error = new NodosumError(
    'ERR_NODOSUM_CONNECT_TIMEOUT',
    `no HTTP/2 connection with ${peer} within ${connectTimeoutMs} ms: is the node up, and does TCP pass?`,
    { details: { peer, connectTimeoutMs } },
  )
  return { farewell: null, error }
}

/** The dial is not wanted any more. */
export function abandoned(error: NodosumError): LocalClose {
  return { farewell: null, error }
}

export function callbackFailed(peer: string, cause: unknown): LocalClose {
  const message = `a callback threw while handling data of ${peer}; the connection was closed`
  return spokenLoss(message, layerCodes.callbackFailed, cause)
}

export function violated(peer: string, what: string): LocalClose {
  return spokenLoss(`${peer} ${what}; the connection was closed`, layerCodes.protocolViolation)
}

export function notListening(): LocalClose {
  return closedByCaller(layerCodes.shutDown, 'not listening any more')
}

export function fellSilent(peer: string, idleTimeoutMs: number): LocalClose {
  const message = `${peer} has been silent for ${idleTimeoutMs} ms: it is down, or the network is`
  return { farewell: null, error: new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message) }
}

/** The TCP connection is gone, and the peer said nothing. */
export function lost(peer: string, isDialing: boolean, cause: Error | null): LocalClose {
  const errno = errnoOf(cause)
  if (errno === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL') {
    return versionRefused(peer, 'it knows no HTTP/2')
  }
  const when = isDialing ? ' during the handshake' : ' without a word'
  const hint =
    errno === 'ECONNREFUSED'
      ? 'nothing listens there: is the node up, and is the port right?'
      : isDialing
        ? 'it may be full, or no node'
        : 'its process may have died'
  const message = `${peer} closed the connection${when}${errno === undefined ? '' : ` (${errno})`}: ${hint}`
  const error = new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message, {
    cause: cause ?? undefined,
    details: { peer },
  })
  return { farewell: null, error }
}

/** GOAWAY without a word of this protocol. */
export function sessionEnded(peer: string): LocalClose {
  return spokenLoss(`${peer} ended the HTTP/2 session without a reason`, layerCodes.engineFailed)
}

/** HTTP/2 ended the session; the socket may have been the reason. */
export function sessionFailed(peer: string, cause: Error): LocalClose {
  if (errnoOf(cause)?.startsWith('ERR_HTTP2') !== true) return lost(peer, false, cause)
  const message = `HTTP/2 ended the session with ${peer}: ${cause.message}`
  const error = new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message, { cause })
  // HTTP/2 has said so itself; a peer that breaks its rules gets no time to read it.
  return { farewell: null, error }
}

function errnoOf(error: Error | null): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code
}

function spokenLoss(message: string, code: number, cause?: unknown): LocalClose {
  const error = new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message, { cause })
  return { farewell: { kind: 'close', code, reason: '' }, error }
}
