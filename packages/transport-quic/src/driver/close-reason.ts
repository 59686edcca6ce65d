import { invariant, NodosumError } from '@nodosum/kernel'
import {
  type CloseReason,
  closeReasonBytesMax,
  codeMax,
  errorCodeOfRefusal,
} from '@nodosum/transport'
import { errorOfClose, layerCodes } from '../core/close-codes.ts'
import type { EngineConnection } from '../ports.ts'

/** How this end closes a connection. */
export interface LocalClose {
  /** True: in the words of the layers above; false: in QUIC's own. */
  readonly app: boolean
  readonly code: number
  readonly reason: string
  readonly error: NodosumError | null
}

/** Why the engine ended: the peer said so, the protocol was broken, or nobody spoke. */
export function reasonOfEngine(
  engine: EngineConnection,
  peer: string,
  idleTimeoutMs: number,
): CloseReason {
  const peerError = engine.peerError()
  const error = peerError ?? engine.localError()
  if (error === null) {
    const message = `${peer} has been silent for ${idleTimeoutMs} ms: it is down, or the network is`
    const lost = new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message, { details: { peer } })
    return { code: 0, reason: '', remote: false, error: lost }
  }
  // Only a foreign peer says more; the contract has 32 bits.
  const code = Math.min(error.errorCode, codeMax)
  const reason = Buffer.from(error.reason).subarray(0, closeReasonBytesMax).toString('utf8')
  const remote = peerError !== null
  const refusal = error.isApp && remote ? errorCodeOfRefusal(code) : undefined
  const spoken = { isApp: error.isApp, code, reason, remote, peer, refusal }
  return { code, reason, remote, error: errorOfClose(spoken) }
}

/** Throws for a code that is no integer from 0 to 2^32-1: a programmer's error. */
export function checkCode(code: number): void {
  const isCode = Number.isInteger(code) && code >= 0 && code <= codeMax
  invariant(isCode, 'the code of reset() and close() must be an integer from 0 to 2^32-1')
}

export function handshakeTimedOut(peer: string, connectTimeoutMs: number): LocalClose {
  const error = new NodosumError(
    'ERR_NODOSUM_CONNECT_TIMEOUT',
    `no QUIC handshake with ${peer} within ${connectTimeoutMs} ms: is the node up, and does UDP pass?`,
    { details: { peer, connectTimeoutMs } },
  )
  return { app: true, code: 0, reason: '', error }
}

export function callbackFailed(peer: string, cause: unknown): LocalClose {
  const error = new NodosumError(
    'ERR_NODOSUM_CONNECTION_LOST',
    `a callback threw while handling data of ${peer}; the connection was closed`,
    { cause },
  )
  return { app: true, code: layerCodes.callbackFailed, reason: '', error }
}

export function pingsViolated(peer: string, what: string): LocalClose {
  const error = new NodosumError(
    'ERR_NODOSUM_CONNECTION_LOST',
    `the connection to ${peer} was closed: ${what}`,
    { details: { peer } },
  )
  return { app: true, code: layerCodes.pingViolation, reason: what, error }
}

export function forgottenByPeer(peer: string): LocalClose {
  const error = new NodosumError(
    'ERR_NODOSUM_CONNECTION_LOST',
    `${peer} does not know this connection any more: it has started anew`,
    { details: { peer } },
  )
  return { app: true, code: layerCodes.forgotten, reason: '', error }
}

export function unreadOverflow(peer: string, unreadBytesMax: number): LocalClose {
  const error = new NodosumError(
    'ERR_NODOSUM_CONNECTION_LOST',
    `the connection to ${peer} was closed: more than ${unreadBytesMax} bytes of it (unreadBytesMax) ` +
      'wait for applications that read too slowly',
    { details: { peer, unreadBytesMax } },
  )
  return { app: true, code: layerCodes.unreadOverflow, reason: '', error }
}

export function keysUsedUp(peer: string, keyPacketsMax: number): LocalClose {
  const error = new NodosumError(
    'ERR_NODOSUM_CONNECTION_LOST',
    `the connection to ${peer} was closed: it has sent ${keyPacketsMax} packets (keyPacketsMax), ` +
      'and its keys are not renewed: replace connections before',
    { details: { peer, keyPacketsMax } },
  )
  return { app: true, code: layerCodes.keysUsedUp, reason: '', error }
}

/** What a caller gets that comes too late. */
export function notOpen(peer: string, state: string): NodosumError {
  const message = `the connection to ${peer} is ${state}: dial again`
  return new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message, { details: { peer } })
}

/** Why a ping got no answer. */
export function lostBeforeAnswer(peer: string): NodosumError {
  const message = `the connection to ${peer} ended before the peer answered the ping`
  return new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message, { details: { peer } })
}

export function engineFailed(peer: string, cause: unknown): LocalClose {
  const error = new NodosumError(
    'ERR_NODOSUM_CONNECTION_LOST',
    `the QUIC engine failed on the connection to ${peer}: ${String(cause)}`,
    { cause },
  )
  return { app: true, code: layerCodes.engineFailed, reason: '', error }
}

/**
 * An acceptor that misses the end of the handshake knows no round trip time, so it asks again after
 * 1 s and after 2 s more (RFC 9002, 6.2.2).
 */
const handshakeLingerMs = 3_500

/** How long late packets are still answered: about three probe timeouts (RFC 9000, 10.2). */
export function lingerFor(rttMs: number, isRefusingAcceptor: boolean): number {
  return isRefusingAcceptor ? handshakeLingerMs : Math.min(1_000, 3 * (3 * rttMs + 50))
}

/** At most 128 bytes of UTF-8, not cut inside a character. */
export function cutReason(text: string): string {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= closeReasonBytesMax) return text
  let length = closeReasonBytesMax
  while (length > 0 && ((bytes[length] ?? 0) & 0xc0) === 0x80) length -= 1
  return bytes.toString('utf8', 0, length)
}
