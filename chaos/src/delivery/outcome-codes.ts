/** What a handler never ran for, if the caller was told so. */
export const neverRan: ReadonlySet<string> = new Set(
  [
    'NO_HANDLER',
    'PEER_DRAINING',
    'NOT_OWNER',
    'OVERLOAD',
    'BACKPRESSURE',
    'NOT_CONNECTED',
    'NO_TARGET',
    'PEER_UNKNOWN',
    'SHUT_DOWN',
    'MESSAGE_TOO_LARGE',
    'PAYLOAD_INVALID',
    'LIMIT_PENDING',
    'RATE_LIMITED',
    'MEMORY_PRESSURE',
    'CIRCUIT_OPEN',
  ].map((code) => `ERR_NODOSUM_${code}`),
)

/** What its own node refused: it was never accepted, and is in no counter but that of refusals. */
export const neverTaken: ReadonlySet<string> = new Set(
  [
    'BACKPRESSURE',
    'NOT_CONNECTED',
    'CONNECTION_LOST',
    'NO_TARGET',
    'PEER_UNKNOWN',
    'SHUT_DOWN',
    'LIMIT_PENDING',
    'CIRCUIT_OPEN',
    'LIMIT_FAN_OUT',
  ].map((code) => `ERR_NODOSUM_${code}`),
)
