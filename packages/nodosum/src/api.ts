import type { NodosumError } from '@nodosum/kernel'
import type { MembershipCounters } from '@nodosum/membership'
import type {
  ApplicationOptions,
  ErrorBudgetSnapshot,
  MemorySnapshot,
  RequestBreakerSnapshot,
  TypedCalls,
} from '@nodosum/messaging'
import type { ReaperCounters, SessionSnapshot } from '@nodosum/streams'
import type { PoolSnapshot } from '@nodosum/transport'
import type { GossipKeys } from './gossip-keys-api.ts'
import type { IdentityOptions, NodeOptions } from './node-options.ts'

/** What a node knows of one member. */
export interface Member {
  readonly nodeId: string
  /** 32 hexadecimal characters, new at every start of the process. */
  readonly bootId: string
  readonly state: 'alive' | 'suspect' | 'failed' | 'left' | 'draining'
  readonly addresses: readonly { host: string; udpPort: number; tcpPort: number }[]
  readonly tags: Readonly<Record<string, string>>
  /** Ids of the applications that this member runs. */
  readonly applications: readonly string[]
}

export interface MemberChange {
  readonly kind:
    | 'joined'
    | 'suspect'
    | 'alive'
    | 'failed'
    | 'left'
    | 'draining'
    | 'updated'
    | 'restarted'
  readonly member: Member
}

/** How a message or one copy of a broadcast ended. */
export type Outcome =
  | { readonly status: 'accepted' | 'delivered' }
  | {
      readonly status: 'refused' | 'rejected' | 'expired' | 'unknown'
      readonly code: string
      /** The same code with its words, and as `cause` what led to it, such as a refused certificate. */
      readonly error: NodosumError
    }

/** A message that was accepted and did not end as delivered. */
export interface Undelivered {
  readonly application: string
  readonly messageId: string
  readonly to: string
  /** For example `ERR_NODOSUM_DELIVERY_UNKNOWN`: the peer died before it confirmed. */
  readonly code: string
}

/** What a handler learns about the message it was given. */
export interface MessageContext {
  readonly from: string
  /** Whom the sender's certificate names, as a URI; null when this node sent it itself. */
  readonly identity: string | null
  readonly messageId: string
  readonly application: string
  readonly lane: string
  /** Aborts when the sender cancels, the deadline passes or the node closes. */
  readonly signal: AbortSignal
  /** Milliseconds left for a request; null for a message. */
  readonly deadlineMs: number | null
  /** The key of `ownerOf(key)`, when the sender used one. */
  readonly key: string | null
  /** `request`, `send`, `broadcast` and `stream` of the node that runs the handler. */
  readonly node: TypedCalls
  /** 1 for the first time that a request is sent, 2 when it is sent again, and so on. */
  readonly attempt: number
  /** Whether an earlier attempt may have been handled already. */
  readonly redelivered: boolean
  /** What the sender gave as `headers`; frozen, empty when there are none. */
  readonly headers: Readonly<Record<string, string>>
}

/** Bytes pass untouched; anything else travels as CBOR. */
export type Payload = unknown

export interface SendOptions {
  /**
   * `accepted` (default): resolves once the message is in the bounded buffer.
   * `received`: once the remote handler has started. `handled`: once it has finished.
   */
  readonly confirm?: 'accepted' | 'received' | 'handled' | undefined
  /** How long to wait for room and for the confirmation: 1 ms to a day. Default `sendTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * Texts beside the payload, such as a trace context: at most 32, names of 1 to 64 characters of
   * A-Z a-z 0-9 . _ -, values of at most 1,024 bytes. They count against the size of a message.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface RequestOptions {
  /** How long to wait for the reply, all attempts together: 1 ms to a day. Default `requestTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * May run twice: the request is sent again after a temporary failure, an unknown outcome, or an
   * error that its handler threw with `retryable: true`.
   */
  readonly idempotent?: boolean | undefined
  /** How often it is sent, the first time included: 1 to 100. Default `attemptsMax` (8). */
  readonly attemptsMax?: number | undefined
  /** As for `send`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface BroadcastOptions {
  readonly confirm?: 'accepted' | 'received' | 'handled' | undefined
  readonly includeSelf?: boolean | undefined
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** As for `send`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * Whom to talk to: a node id, several, or a rule that is looked up at each attempt. `send` goes to
 * each node of a list, `request` asks one of them at random, perhaps another at each attempt. An
 * empty list is refused with `CONFIG_INVALID`.
 */
export type Target = string | readonly string[] | TargetRule

export interface TargetRule extends TargetOptions {
  readonly kind: 'any' | 'owner' | 'nearest'
  readonly key: string | null
}

/**
 * What of several lanes to one node is sent first: `interactive` at once; `bulk` as far as it keeps
 * nobody waiting, and at least a ninth of the bytes; `scheduled` when nothing else is to be sent,
 * and after `layers.streams.scheduledWaitMaxMs` (1 s) in any case.
 */
export type LaneClass = 'interactive' | 'bulk' | 'scheduled'

export interface LaneOptions {
  /** `interactive` unless told; it holds from the first call for a name on. */
  readonly class?: LaneClass | undefined
}

/** Which of the members that run an application are meant. */
export interface TargetOptions {
  /** Only members that have each of these tags with this value. Nobody has: `NO_TARGET`. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /**
   * This share of the calls, from 0 to 1, goes to members with these tags, and no other call does.
   * With `key`, or with that of `ownerOf`, calls with the same key go the same way. When one of the
   * two parts has no member, the other gets everything.
   */
  readonly canary?:
    | {
        readonly tags: Readonly<Record<string, string>>
        readonly share: number
        readonly key?: string | undefined
      }
    | undefined
}

/** A named stream of an application: its own order and its own flow control. */
export interface Lane {
  readonly name: string
  readonly class: LaneClass
  send(to: Target, payload: Payload, options?: SendOptions): Promise<void>
  /** `accepted`, or the code of the refusal. Never waits and never throws for a full buffer. */
  trySend(to: string, payload: Payload): 'accepted' | string
  broadcast(payload: Payload, options?: BroadcastOptions): Promise<ReadonlyMap<string, Outcome>>
}

export interface Application extends Omit<Lane, 'name' | 'class'> {
  readonly id: string
  /** One handler for each application and node: a second one is refused with `CONFIG_INVALID`. */
  onMessage(handler: (payload: Payload, context: MessageContext) => void | Promise<void>): this
  /** One handler for each application and node: a second one is refused with `CONFIG_INVALID`. */
  onRequest(
    handler: (payload: Payload, context: MessageContext) => Payload | Promise<Payload>,
  ): this
  request(to: Target, payload: Payload, options?: RequestOptions): Promise<Payload>
  /** Ids of alive, non-draining members that run this application, self included, sorted. */
  nodes(): readonly string[]
  /** Another class than a lane has is refused with `CONFIG_INVALID`. */
  lane(name: string, options?: LaneOptions): Lane
  /**
   * Gives this application limits, budgets and times of its own on this node, from now on; what is
   * not given stays. Names and meanings are those of `layers.messaging`.
   */
  configure(options: Partial<ApplicationOptions>): this
}

export interface HealthCheck {
  readonly name: string
  readonly status: 'ok' | 'degraded' | 'draining' | 'fail'
  readonly detail: string
}

export interface Health {
  readonly status: 'ok' | 'degraded' | 'draining' | 'fail'
  readonly checks: readonly HealthCheck[]
}

export interface DrainReport {
  /** True when everything in flight ended before the deadline. */
  readonly complete: boolean
  readonly durationMs: number
  readonly inFlightAtStart: number
  readonly inFlightAtEnd: number
}

export interface CloseReason {
  readonly kind: 'closed' | 'failed'
  readonly error: Error | null
}

export interface Node extends TypedCalls {
  readonly id: string
  readonly bootId: string
  readonly cluster: string
  /**
   * Where others reach this node: `advertise.host`, else the address it binds; for 0.0.0.0 what
   * another node saw, and 0.0.0.0 until then.
   */
  readonly address: { readonly host: string; readonly port: number }
  /** Every known member, self first. */
  members(): readonly Member[]
  health(): Health
  metrics(): Metrics
  /**
   * Every session with its lanes, as they stand now: states, times, counters, bytes that wait. At
   * most 1,000 lanes in all. Costs a look at each lane, so call it when somebody wants to see it.
   */
  streams(): Streams
  /** Both return a function that takes the listener off again. */
  on(event: 'member', listener: (change: MemberChange) => void): () => void
  on(event: 'undelivered', listener: (message: Undelivered) => void): () => void
  /** Member changes from now on. A reader that falls behind by 1,024 changes gets an error. */
  changes(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<MemberChange>
  /** The untyped form: bytes or plain values, checked by nobody. */
  application(id: string): Application
  /**
   * Reads the files of `identity` again, or takes other credentials, without a restart: new
   * connections present them, and connections that there are get replaced while nothing is under
   * way on them, at the latest after `layers.pool.replaceWithinMs`. What cannot be used is refused
   * and changes nothing. To change the CA, first reload everywhere with both CAs in `caFile`.
   *
   * @throws `CONFIG_INVALID`, `CERT_UNTRUSTED`, `CERT_EXPIRED`, `IDENTITY_MISMATCH`, `SHUT_DOWN`
   */
  reloadCertificates(identity?: IdentityOptions): Promise<void>
  /**
   * Changes options while the node runs: those that the reference of options calls hot, which are
   * `identity`, `tags`, `logLevel` of the default logger, and the times of `layers.messaging`. The
   * whole configuration can be passed as well, for example when its file was edited: what is as it
   * was counts for nothing. All of it is done or nothing.
   *
   * @returns the paths of what has changed
   * @throws `CONFIG_INVALID` for options that are wrong, and for one that only takes effect at a
   *   restart, which `details.restart` names; what `reloadCertificates` throws; `SHUT_DOWN`
   */
  reconfigure(changes: Partial<NodeOptions>): Promise<readonly string[]>
  /** Shows and replaces the gossip keys of the cluster. */
  readonly gossipKeys: GossipKeys
  /** Tells the cluster, takes no new work, finishes what runs, flushes, and reports. */
  drain(options?: { readonly deadlineMs?: number | undefined }): Promise<DrainReport>
  /**
   * Refuses new sends, hands over every message that was accepted, leaves the cluster and closes.
   *
   * It only flushes: it waits until the handlers of those messages have started at their receivers,
   * at most `layers.messaging.flushTimeoutMs` (2 s unless told), and for no handler of its own. What
   * is not confirmed by then ends as unknown, and listeners of `undelivered` hear of it; requests
   * without a reply reject with `DELIVERY_UNKNOWN`. To finish what runs, `drain` first. Never
   * rejects; idempotent. `await using` closes, too.
   */
  close(): Promise<void>
  /** Resolves when the node is closed, also by a fatal failure. */
  readonly closed: Promise<CloseReason>
  [Symbol.asyncDispose](): Promise<void>
}

/** Counters of one application. `accepted = delivered + rejected + expired + unknown + inFlight`. */
export interface ApplicationMetrics {
  readonly accepted: number
  readonly delivered: number
  readonly rejected: number
  readonly expired: number
  readonly unknown: number
  readonly inFlight: number
  /** Refused before acceptance: not part of the equation. */
  readonly refused: number
  readonly received: number
  readonly handlerErrors: number
  /** Asynchronous handlers of messages that run on this node. */
  readonly messagesRunning: number
  readonly requestsRunning: number
  /** Streaming replies that this node produces. */
  readonly streamsRunning: number
  /** Requests that wait for a handler on this node. */
  readonly requestsWaiting: number
  /** Requests of this node that were sent again, and those that were not for want of budget. */
  readonly retries: number
  readonly retriesRefused: number
  readonly errorBudget: ErrorBudgetSnapshot
  /** Nodes that left requests unanswered: breakers that are not closed, or were open once. */
  readonly breakers: readonly RequestBreakerSnapshot[]
}

/** Packets of the membership protocol since the start. */
export interface GossipMetrics {
  readonly sealed: number
  readonly opened: number
  /** Packets that were dropped, by reason. The log names the sources of those that matter. */
  readonly refused: {
    readonly tooShort: number
    readonly unknownVersion: number
    /** Sealed with a gossip key that this node does not hold. */
    readonly unknownKey: number
    /** This node's own packet came back. */
    readonly reflected: number
    /** Sealed for another node. */
    readonly misdirected: number
    /** Seen before, or too old to tell. */
    readonly replayed: number
    /** Sealed with a key of this node, but of another cluster, or changed on the way. */
    readonly forged: number
  }
  /** Packets that went over connections, where UDP does not pass or is not known to. */
  readonly detours: {
    readonly sent: number
    readonly received: number
    /** Nodes that were found by TCP at an address that did not answer by UDP. */
    readonly introductions: number
  }
}

/** What the membership protocol has done since the start; every number but the first only grows. */
export interface MembershipMetrics extends MembershipCounters {
  /** How much this node doubts itself: 0 is healthy, 7 the worst. */
  readonly localHealth: number
}

/** What `node.streams()` shows. */
export interface Streams {
  readonly sessions: readonly SessionSnapshot[]
  /** Lanes, byte streams and sessions that nobody used any more: found, logged and closed. */
  readonly reaped: ReaperCounters
}

/** Bytes against their limit. */
export interface BudgetMetrics {
  readonly bytes: number
  readonly bytesMax: number
  /** How often somebody was refused more because of the limit. */
  readonly refused: number
}

export interface Metrics {
  readonly applications: Readonly<Record<string, ApplicationMetrics>>
  /** What messages and requests that are not finished keep of this node's memory. */
  readonly memory: MemorySnapshot
  readonly members: Readonly<Record<Member['state'], number>>
  readonly sessions: number
  readonly bytes: {
    /** Accepted for sending, all lanes of all sessions, and not acknowledged. */
    readonly buffered: BudgetMetrics
    /** What peers may send, or have sent, and was not handed to handlers. */
    readonly granted: BudgetMetrics
  }
  readonly gossip: GossipMetrics
  readonly membership: MembershipMetrics
  /** Every connection, dial, circuit breaker and counter of the connection pool. */
  readonly connections: PoolSnapshot
}
