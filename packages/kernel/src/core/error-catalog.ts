/**
 * How a caller should take an error:
 * `temporary` retry with jitter; `ambiguous` it may or may not have happened; `overload` retry
 * later and slower; `permanent` retrying changes nothing; `security` never retry unchanged.
 */
export type ErrorClass = 'temporary' | 'ambiguous' | 'overload' | 'permanent' | 'security'

export interface ErrorEntry {
  readonly class: ErrorClass
  /** Whether the same call can succeed later without anybody changing anything. */
  readonly retryable: boolean
  readonly meaning: string
  readonly remedy: string
}

function entry(kind: ErrorClass, meaning: string, remedy: string): ErrorEntry {
  const retryable = kind === 'temporary' || kind === 'overload'
  return { class: kind, retryable, meaning, remedy }
}

/** Every code that Nodosum throws. Codes are stable: one is never reused for another meaning. */
export const errorCatalog: {
  readonly [Code in
    | 'ERR_NODOSUM_NOT_CONNECTED'
    | 'ERR_NODOSUM_CONNECT_TIMEOUT'
    | 'ERR_NODOSUM_CONNECTION_LOST'
    | 'ERR_NODOSUM_PEER_DRAINING'
    | 'ERR_NODOSUM_PEER_QUARANTINED'
    | 'ERR_NODOSUM_NO_TARGET'
    | 'ERR_NODOSUM_NOT_OWNER'
    | 'ERR_NODOSUM_CIRCUIT_OPEN'
    | 'ERR_NODOSUM_JOIN_TIMEOUT'
    | 'ERR_NODOSUM_JOIN_REFUSED'
    | 'ERR_NODOSUM_REQUEST_TIMEOUT'
    | 'ERR_NODOSUM_CANCELLED'
    | 'ERR_NODOSUM_DELIVERY_UNKNOWN'
    | 'ERR_NODOSUM_OVERLOAD'
    | 'ERR_NODOSUM_BACKPRESSURE'
    | 'ERR_NODOSUM_LIMIT_CONNECTIONS'
    | 'ERR_NODOSUM_LIMIT_STREAMS'
    | 'ERR_NODOSUM_LIMIT_PENDING'
    | 'ERR_NODOSUM_LIMIT_FAN_OUT'
    | 'ERR_NODOSUM_MEMORY_PRESSURE'
    | 'ERR_NODOSUM_RATE_LIMITED'
    | 'ERR_NODOSUM_CONFIG_INVALID'
    | 'ERR_NODOSUM_LISTEN_FAILED'
    | 'ERR_NODOSUM_TRANSPORT_UNAVAILABLE'
    | 'ERR_NODOSUM_VERSION_INCOMPATIBLE'
    | 'ERR_NODOSUM_NODE_ID_CONFLICT'
    | 'ERR_NODOSUM_NO_HANDLER'
    | 'ERR_NODOSUM_PEER_UNKNOWN'
    | 'ERR_NODOSUM_REMOTE_ERROR'
    | 'ERR_NODOSUM_PAYLOAD_INVALID'
    | 'ERR_NODOSUM_MESSAGE_TOO_LARGE'
    | 'ERR_NODOSUM_DECODE_FAILED'
    | 'ERR_NODOSUM_SHUT_DOWN'
    | 'ERR_NODOSUM_INVARIANT_VIOLATED'
    | 'ERR_NODOSUM_EVENT_LOOP_STUCK'
    | 'ERR_NODOSUM_CLUSTER_MISMATCH'
    | 'ERR_NODOSUM_CERT_UNTRUSTED'
    | 'ERR_NODOSUM_CERT_EXPIRED'
    | 'ERR_NODOSUM_IDENTITY_MISMATCH'
    | 'ERR_NODOSUM_GOSSIP_KEY_UNKNOWN'
    | 'ERR_NODOSUM_GOSSIP_KEY_IN_USE'
    | 'ERR_NODOSUM_LIMIT_GOSSIP_KEYS'
    | 'ERR_NODOSUM_GOSSIP_KEY_NOT_EVERYWHERE'
    | 'ERR_NODOSUM_STORE_FULL'
    | 'ERR_NODOSUM_STORE_FAILED'
    | 'ERR_NODOSUM_STORE_CORRUPT']: ErrorEntry
} = {
  ERR_NODOSUM_NOT_CONNECTED: entry(
    'temporary',
    'There is no session to the node at this moment.',
    'Retry with jitter; `send` and `request` wait for the session, `trySend` does not.',
  ),
  ERR_NODOSUM_CONNECT_TIMEOUT: entry(
    'temporary',
    'The other end did not answer within the connect timeout.',
    'Check the address, that UDP passes in both directions, and that the node runs.',
  ),
  ERR_NODOSUM_CONNECTION_LOST: entry(
    'temporary',
    'The connection ended: the peer died, closed, or could not be reached any more.',
    'Retry; a new connection is opened on demand.',
  ),
  ERR_NODOSUM_PEER_DRAINING: entry(
    'temporary',
    'The node is leaving and takes no new work.',
    'Retry with `anyNode()` or `ownerOf(key)`: the next attempt goes elsewhere.',
  ),
  ERR_NODOSUM_PEER_QUARANTINED: entry(
    'temporary',
    'The node failed and returned so often, or is suspected so often, that it is held back for a while.',
    'Find out why it comes and goes; it is let in again once it has been calm for `quarantineMs`.',
  ),
  ERR_NODOSUM_NO_TARGET: entry(
    'temporary',
    'No ready member runs the application, as far as this node knows.',
    'Retry; if it stays, check `application.nodes()` and that a handler is registered there.',
  ),
  ERR_NODOSUM_NOT_OWNER: entry(
    'temporary',
    'The receiver does not own the key: the views of two nodes differed for a moment.',
    'Retry; the owner is looked up again at each attempt.',
  ),
  ERR_NODOSUM_CIRCUIT_OPEN: entry(
    'temporary',
    'The node left too many requests of the application unanswered, so it is not asked for a while.',
    'Use `anyNode()`, which asks others, or retry after `details.retryAfterMs`.',
  ),
  ERR_NODOSUM_JOIN_TIMEOUT: entry(
    'temporary',
    'The node neither found a formed cluster nor was allowed to form one in time.',
    'Check seeds, ports and gossip keys; for a new cluster set `join.expect` or `join.alone`.',
  ),
  ERR_NODOSUM_JOIN_REFUSED: entry(
    'security',
    'A member of the cluster does not admit this node.',
    'The message says why; ask who runs the cluster.',
  ),
  ERR_NODOSUM_REQUEST_TIMEOUT: entry(
    'ambiguous',
    'No reply came before the deadline; the handler may have run.',
    'Ask for the result before repeating, or mark the request idempotent.',
  ),
  ERR_NODOSUM_CANCELLED: entry(
    'ambiguous',
    'The caller aborted; what was already sent may have been handled.',
    'Nothing to do, unless the effect has to be undone.',
  ),
  ERR_NODOSUM_DELIVERY_UNKNOWN: entry(
    'ambiguous',
    'The peer or its connection died before it confirmed; the handler may have run.',
    'Check the effect before sending again, or make the handler idempotent.',
  ),
  ERR_NODOSUM_OVERLOAD: entry(
    'overload',
    'The receiver has as many requests running and waiting as it may.',
    'Retry later and slower, or raise `messaging.requestQueueMax` where it is handled.',
  ),
  ERR_NODOSUM_BACKPRESSURE: entry(
    'overload',
    'The outgoing buffer is full because the receiver is slower than the sender.',
    'Await `send` instead of calling `trySend`, or slow down.',
  ),
  ERR_NODOSUM_LIMIT_CONNECTIONS: entry(
    'overload',
    'This node has as many connections, sessions or waiting dials as it may.',
    'Raise the limit named in the message, or connect to fewer nodes.',
  ),
  ERR_NODOSUM_LIMIT_STREAMS: entry(
    'overload',
    'A connection, a session or an application has as many streams or streaming replies as it may.',
    'Use fewer lanes, end streams that nobody reads, or raise the limit named in the message, at the node that it names.',
  ),
  ERR_NODOSUM_LIMIT_PENDING: entry(
    'overload',
    'As many operations wait as may wait.',
    'Await earlier ones first, or raise the limit named in the message.',
  ),
  ERR_NODOSUM_LIMIT_FAN_OUT: entry(
    'permanent',
    'The broadcast would go to more nodes than one may; nothing was sent.',
    'Send to fewer nodes with `send` and a list, or raise `messaging.broadcastMax`.',
  ),
  ERR_NODOSUM_MEMORY_PRESSURE: entry(
    'overload',
    'Messages and requests that are not finished hold as much memory of the node as they may.',
    'Retry later and slower, at another node, or raise `messaging.memoryBytesMax` there.',
  ),
  ERR_NODOSUM_RATE_LIMITED: entry(
    'overload',
    'Connections or requests come faster than the peer may take them.',
    'Retry after `details.retryAfterMs` and slower, or raise the limit named in the message there.',
  ),
  ERR_NODOSUM_CONFIG_INVALID: entry(
    'permanent',
    'An option or argument is wrong; the message lists every problem with its path.',
    'Correct what the message names.',
  ),
  ERR_NODOSUM_LISTEN_FAILED: entry(
    'permanent',
    'The port cannot be bound.',
    'Choose a free port (0 picks one) and an address of this machine.',
  ),
  ERR_NODOSUM_TRANSPORT_UNAVAILABLE: entry(
    'permanent',
    'The transport cannot run here, for example because its native binding does not load.',
    'The message says why; install the platform package of @matrixai/quic.',
  ),
  ERR_NODOSUM_VERSION_INCOMPATIBLE: entry(
    'permanent',
    'The two nodes share no version of the protocol.',
    'Upgrade the older node.',
  ),
  ERR_NODOSUM_NODE_ID_CONFLICT: entry(
    'permanent',
    'Another living process uses this node id.',
    'Give every process its own `nodeId`.',
  ),
  ERR_NODOSUM_NO_HANDLER: entry(
    'permanent',
    'The member runs the application but has no handler for this, or its contract no such method.',
    'Implement the method or register `onMessage` or `onRequest` there, or address another application.',
  ),
  ERR_NODOSUM_PEER_UNKNOWN: entry(
    'permanent',
    'The cluster has no living member with this id.',
    'Check the id against `node.members()`.',
  ),
  ERR_NODOSUM_REMOTE_ERROR: entry(
    'permanent',
    'The handler on the other node threw; its name, message and code are in `details`.',
    'Look at the log of the node that handled it.',
  ),
  ERR_NODOSUM_PAYLOAD_INVALID: entry(
    'permanent',
    'The payload cannot be encoded, exceeds the limits of a payload, or does not fit its contract: `details.issues` has the path of each issue.',
    'Send what the contract says, as bytes or plain data: no promises, instances of classes, functions, cycles or keys like __proto__.',
  ),
  ERR_NODOSUM_MESSAGE_TOO_LARGE: entry(
    'permanent',
    'The message is larger than the limit.',
    'Send less at once, or raise `layers.streams.messageBytesMax` on every node.',
  ),
  ERR_NODOSUM_DECODE_FAILED: entry(
    'permanent',
    'The peer sent bytes that are not the protocol; its session was ended.',
    'Look for mixed versions or another program on that port.',
  ),
  ERR_NODOSUM_SHUT_DOWN: entry(
    'permanent',
    'The node is closed or closing.',
    'Nothing can be sent through it any more; create a new one.',
  ),
  ERR_NODOSUM_INVARIANT_VIOLATED: entry(
    'permanent',
    'Nodosum found itself in a state that it holds impossible: a bug.',
    'Please report it with the message and the stack.',
  ),
  ERR_NODOSUM_EVENT_LOOP_STUCK: entry(
    'permanent',
    'The main thread did not turn its event loop for hangTimeoutMs, so the watchdog ended the process. It is never thrown: it is what standard error says.',
    'Look for synchronous work that takes so long, or raise hangTimeoutMs; if there is none, the QUIC engine hung: please report it.',
  ),
  ERR_NODOSUM_CLUSTER_MISMATCH: entry(
    'security',
    'The peer belongs to another cluster.',
    'Check `cluster` and the seeds of both.',
  ),
  ERR_NODOSUM_CERT_UNTRUSTED: entry(
    'security',
    'A certificate is missing, malformed, or not issued by the configured CA.',
    'Issue it from that CA, with the usages and the name that the message asks for.',
  ),
  ERR_NODOSUM_CERT_EXPIRED: entry(
    'security',
    'A certificate is expired or not valid yet.',
    'Renew it, and check the clocks of both machines.',
  ),
  ERR_NODOSUM_IDENTITY_MISMATCH: entry(
    'security',
    'A certificate is valid but names somebody else.',
    'Give each node the certificate that names it, or use `identity.match: cluster`.',
  ),
  ERR_NODOSUM_GOSSIP_KEY_UNKNOWN: entry(
    'permanent',
    'The node holds no gossip key with this id.',
    'Install the key first; the message names those that are installed.',
  ),
  ERR_NODOSUM_GOSSIP_KEY_IN_USE: entry(
    'permanent',
    'The gossip key cannot be removed because packets are sealed with it.',
    'Use another key first.',
  ),
  ERR_NODOSUM_LIMIT_GOSSIP_KEYS: entry(
    'permanent',
    'The node holds as many gossip keys as it may.',
    'Remove one that no node seals with any more.',
  ),
  ERR_NODOSUM_GOSSIP_KEY_NOT_EVERYWHERE: entry(
    'temporary',
    'A member has not confirmed the step before, so the next one would cut it off; nothing changed.',
    'Repeat the call; `details.missing` names the members and why. One that is gone stops nothing.',
  ),
  ERR_NODOSUM_STORE_FULL: entry(
    'overload',
    'A file of the data directory was not written because the disk is full; the old one stays.',
    'Make room; the next change is written again.',
  ),
  ERR_NODOSUM_STORE_FAILED: entry(
    'permanent',
    'A file of the data directory cannot be read or written; the message names it and says why.',
    'Give the process a directory of its own that it may read and write.',
  ),
  ERR_NODOSUM_STORE_CORRUPT: entry(
    'permanent',
    'A file of the data directory does not hold what was written there.',
    'Look at the disk; the file is put aside and made anew, and the message says what was in it.',
  ),
}

export type ErrorCode = keyof typeof errorCatalog
