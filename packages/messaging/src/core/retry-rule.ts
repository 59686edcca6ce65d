/**
 * What a failed attempt allows:
 * `again` the handler certainly did not run: ask again, wherever the target leads to now;
 * `elsewhere` that node has too much to do: ask another one, never the same;
 * `perhaps` the handler may have run: again only what is idempotent;
 * `never` asking again changes nothing.
 */
export type RetryVerdict = 'again' | 'elsewhere' | 'perhaps' | 'never'

const verdicts: ReadonlyMap<string, RetryVerdict> = new Map([
  ['ERR_NODOSUM_NOT_CONNECTED', 'again'],
  ['ERR_NODOSUM_CONNECT_TIMEOUT', 'again'],
  ['ERR_NODOSUM_CONNECTION_LOST', 'again'],
  ['ERR_NODOSUM_PEER_DRAINING', 'again'],
  ['ERR_NODOSUM_NO_TARGET', 'again'],
  ['ERR_NODOSUM_NOT_OWNER', 'again'],
  ['ERR_NODOSUM_BACKPRESSURE', 'again'],
  ['ERR_NODOSUM_OVERLOAD', 'elsewhere'],
  ['ERR_NODOSUM_RATE_LIMITED', 'elsewhere'],
  ['ERR_NODOSUM_MEMORY_PRESSURE', 'elsewhere'],
  ['ERR_NODOSUM_REQUEST_TIMEOUT', 'perhaps'],
  ['ERR_NODOSUM_DELIVERY_UNKNOWN', 'perhaps'],
])

/**
 * @param code of the failure; empty for what is no error of Nodosum
 * @param declaredRetryable whether the handler that threw said that it may be asked again
 */
export function retryVerdict(code: string, declaredRetryable: boolean): RetryVerdict {
  if (code === 'ERR_NODOSUM_REMOTE_ERROR') return declaredRetryable ? 'perhaps' : 'never'
  return verdicts.get(code) ?? 'never'
}
