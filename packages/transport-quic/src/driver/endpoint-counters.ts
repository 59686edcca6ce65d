/** Counters of an endpoint since it was made; they only grow. */
export interface EndpointCounters {
  accepted: number
  dialed: number
  established: number
  refusedIdentity: number
  refusedConnectionLimit: number
  refusedHalfOpenLimit: number
  refusedAcceptRate: number
  /** Datagrams that reached the endpoint. */
  packets: number
  /** Handshakes in the clear, where they have to be sealed. */
  droppedUnsealed: number
  /** Sealed, but not for this process, or changed, or a repetition, or with a key it has not. */
  droppedUnopened: number
  /** For no connection of this process, and not opening one. */
  droppedUnknown: number
  /** For a connection, but not from its peer's address. */
  droppedForeignPath: number
  /** Dialers that were asked to show that they get what is sent to their address. */
  retries: number
  /** Tokens of dialers that were made up, changed, of another address, too old, or used before. */
  droppedToken: number
  /** Members that were told that this process does not know their connection. */
  forgottenSent: number
  /** Connections that ended because the peer said so. */
  forgottenHeard: number
}

export function newEndpointCounters(): EndpointCounters {
  return {
    accepted: 0,
    dialed: 0,
    established: 0,
    refusedIdentity: 0,
    refusedConnectionLimit: 0,
    refusedHalfOpenLimit: 0,
    refusedAcceptRate: 0,
    packets: 0,
    droppedUnsealed: 0,
    droppedUnopened: 0,
    droppedUnknown: 0,
    droppedForeignPath: 0,
    retries: 0,
    droppedToken: 0,
    forgottenSent: 0,
    forgottenHeard: 0,
  }
}
