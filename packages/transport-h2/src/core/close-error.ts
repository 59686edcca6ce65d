import { type ErrorCode, NodosumError } from '@nodosum/kernel'
import type { Farewell } from '../wire/farewell.ts'

/** What a refusal may be about; another code in a refusal is not taken at its word. */
const refusalWords: ReadonlyMap<string, string> = new Map<ErrorCode, string>([
  ['ERR_NODOSUM_CERT_UNTRUSTED', 'refused the certificate of this node: it does not trust it'],
  ['ERR_NODOSUM_CERT_EXPIRED', 'refused the certificate of this node: expired, or not valid yet'],
  ['ERR_NODOSUM_IDENTITY_MISMATCH', 'refused the certificate of this node: it names somebody else'],
  ['ERR_NODOSUM_CLUSTER_MISMATCH', 'refused the certificate of this node: another cluster'],
  [
    'ERR_NODOSUM_VERSION_INCOMPATIBLE',
    'shares no version of the protocol with this node: upgrade the older one',
  ],
])

/** The coded error of what a peer said at the end, or null when it was orderly. */
export function errorOfFarewell(farewell: Farewell, peer: string): NodosumError | null {
  const { kind, code, reason } = farewell
  const details = { code, reason, remote: true, peer }
  if (kind === 'refusal') {
    const words = refusalWords.get(reason)
    if (words !== undefined) {
      return new NodosumError(reason as ErrorCode, `${peer} ${words}`, { details })
    }
  } else if (code === 0) {
    return null
  }
  const said = reason === '' ? '' : `: ${reason}`
  const message = `${peer} closed the connection with code ${code}${said}`
  return new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message, { details })
}
