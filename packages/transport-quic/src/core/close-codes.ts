/** What close codes mean, in both directions: QUIC's own, TLS alerts, and those of this layer. */
import { type ErrorCode, NodosumError } from '@nodosum/kernel'

/** QUIC carries TLS alerts as 0x100 + alert (RFC 9001, section 4.8). */
export const tlsAlertBase = 0x100

/** Codes of this layer for streams and connections, far from those that applications choose. */
export const layerCodes = {
  /** The write buffer of a stream reached its hard limit. */
  bufferOverflow: 0x4e6f_0001,
  /** The peer opened more streams than the limit. */
  streamRefused: 0x4e6f_0002,
  /** A callback of the application threw. */
  callbackFailed: 0x4e6f_0003,
  /** The engine failed. */
  engineFailed: 0x4e6f_0004,
  /** The transport is closing down. */
  shutDown: 0x4e6f_0005,
  /** The peer broke the rules of pings. */
  pingViolation: 0x4e6f_0006,
  /** The peer has started anew and does not know the connection. */
  forgotten: 0x4e6f_0007,
  /** More was received than the applications here have read. */
  unreadOverflow: 0x4e6f_0008,
  /** The keys of the connection have sealed as many packets as they may. */
  keysUsedUp: 0x4e6f_0009,
} as const

/** no_application_protocol: the ends share no version of the protocol (RFC 7301). */
const noProtocolAlert = 120

interface Alert {
  readonly code: ErrorCode
  readonly words: string
}

const certificateAlerts: ReadonlyMap<number, Alert> = new Map<number, Alert>([
  [40, { code: 'ERR_NODOSUM_CERT_UNTRUSTED', words: 'the handshake was refused' }],
  [42, { code: 'ERR_NODOSUM_CERT_UNTRUSTED', words: 'bad certificate' }],
  [43, { code: 'ERR_NODOSUM_CERT_UNTRUSTED', words: 'unsupported certificate' }],
  [44, { code: 'ERR_NODOSUM_CERT_UNTRUSTED', words: 'certificate revoked' }],
  [45, { code: 'ERR_NODOSUM_CERT_EXPIRED', words: 'certificate expired' }],
  [46, { code: 'ERR_NODOSUM_CERT_UNTRUSTED', words: 'certificate not accepted' }],
  [48, { code: 'ERR_NODOSUM_CERT_UNTRUSTED', words: 'unknown CA' }],
  [49, { code: 'ERR_NODOSUM_IDENTITY_MISMATCH', words: 'identity not accepted' }],
  [51, { code: 'ERR_NODOSUM_CERT_UNTRUSTED', words: 'signature does not verify' }],
  [116, { code: 'ERR_NODOSUM_CERT_UNTRUSTED', words: 'no certificate was presented' }],
])

const alertOfCode: ReadonlyMap<string, number> = new Map([
  ['ERR_NODOSUM_CERT_EXPIRED', 45],
  ['ERR_NODOSUM_IDENTITY_MISMATCH', 49],
  ['ERR_NODOSUM_VERSION_INCOMPATIBLE', noProtocolAlert],
])

/** The alert that tells the peer why its certificate was refused. */
export function alertFor(error: NodosumError): number {
  return tlsAlertBase + (alertOfCode.get(error.code) ?? 46)
}

/** What was said when a connection closed, with the words for people. */
export interface SpokenClose {
  readonly isApp: boolean
  readonly code: number
  readonly reason: string
  /** True when the peer said it. */
  readonly remote: boolean
  /** The other end, for the message. */
  readonly peer: string
  /** What a code of the layer above stands for, if it stands for a refusal. */
  readonly refusal?: ErrorCode | undefined
}

/** The coded error of a close, or null when it was orderly. */
export function errorOfClose(close: SpokenClose): NodosumError | null {
  const { isApp, code, remote, peer } = close
  if (isApp && code === 0) return null
  const details = { code, reason: close.reason, remote, peer }
  const said = close.reason === '' ? '' : `: ${close.reason}`
  if (!isApp && code === tlsAlertBase + noProtocolAlert) {
    return new NodosumError(
      'ERR_NODOSUM_VERSION_INCOMPATIBLE',
      `${peer} and this node share no version of the protocol: upgrade the older one${said}`,
      { details },
    )
  }
  const alert = isApp ? undefined : certificateAlerts.get(code - tlsAlertBase)
  if (alert !== undefined) {
    const who = remote
      ? `${peer} refused the certificate of this node`
      : `the certificate of ${peer} was refused`
    return new NodosumError(alert.code, `${who}: ${alert.words}${said}`, { details })
  }
  if (close.refusal !== undefined) {
    const message = `${peer} turned this node away${said}`
    return new NodosumError(close.refusal, message, { details })
  }
  const who = remote ? `${peer} closed the connection` : `the connection to ${peer} was closed`
  return new NodosumError(
    'ERR_NODOSUM_CONNECTION_LOST',
    `${who} with ${isApp ? '' : 'QUIC '}code ${code}${said}`,
    { details },
  )
}

const engineStreamError = /^(StreamReset|StreamStopped)\((\d{1,16})\)$/

/** The code in `StreamReset(7)` or `StreamStopped(7)`; undefined for every other error. */
export function streamErrorCode(error: unknown): number | undefined {
  const message = (error as { message?: unknown } | null)?.message
  if (typeof message !== 'string') return undefined
  const match = engineStreamError.exec(message)
  return match === null ? undefined : Number(match[2])
}
