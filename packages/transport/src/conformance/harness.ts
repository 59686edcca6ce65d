/** What the conformance suite needs of a transport under test. */
import type { Logger, Scheduler } from '@nodosum/kernel'
import type { HostPort, Transport, TransportLimits } from '../contract.ts'

/** What may be wrong with a node's certificate. */
export type CertificateFlaw =
  /** It ended in the past. */
  | 'expired'
  /** A CA signed it that the other nodes do not trust; the node itself trusts theirs. */
  | 'untrusted'
  /** The same CA signed it, but it names a node of another cluster. */
  | 'other-cluster'

/** A node to start. */
export interface ConformanceNodeOptions {
  /**
   * The node's id, and what its certificate names. The harness checks certificates as a cluster
   * does: the CA, the dates and the cluster; it refuses another cluster with
   * ERR_NODOSUM_IDENTITY_MISMATCH.
   */
  readonly name: 'first' | 'second'
  /** Default: its certificate is as it should be. */
  readonly flaw?: CertificateFlaw
  /** Limits that differ from the transport's defaults. Those asked for here are legal for all. */
  readonly limits?: Partial<TransportLimits>
  readonly logger?: Logger
}

/** One node, alone in its own process as far as it can tell. */
export interface ConformanceNode {
  readonly transport: Transport
  /** Where others dial it. Differs from what it is bound to when something lies in between. */
  readonly address: HostPort
  /**
   * Ends it as `kill -9` ends a process: nothing of it is said any more, and no callback runs. The
   * system may tell the peers (TCP does) or may not (UDP).
   */
  kill(): Promise<void>
  /** Cuts the network to it: from now on nothing arrives and nothing leaves, and nobody says so. */
  isolate(): void
  /** Closes the transport and all that the harness made for it; also after `kill`. Idempotent. */
  close(): Promise<void>
}

/** Somebody who is not a node of this library, or of another time. */
export type Stranger =
  /** Sends bytes that are no protocol, some of which resemble the transport's own. */
  | 'garbage'
  /** Begins a handshake and falls silent. */
  | 'mute'
  /** Has no certificate, but otherwise does what a node does. */
  | 'no-certificate'
  /** Has a good certificate and speaks another version of the protocol. */
  | 'other-version'

/** Somebody who accepts connections, but is not a node. */
export type StrangeListener =
  /** Takes what comes and never answers. */
  | 'silent'
  /** Has a good certificate of `second` and speaks another version of the protocol. */
  | 'other-version'

/** How much the heavy clauses do; less only where a test of the suite itself would take too long. */
export interface ConformanceVolumes {
  /** Streams one after another on one connection; default 10,000. */
  readonly streamsInTurn: number
  /** Of those, how many take their turns side by side; default 1. For networks with delay. */
  readonly lanes: number
  /** Streams at once; default 500. */
  readonly streamsAtOnce: number
  /** Bytes through one stream; default 64 MiB. */
  readonly bulkBytes: number
}

/** A transport under test. One harness serves one clause at a time, and any number in turn. */
export interface ConformanceHarness {
  /** The time in which the transport lives; simulated time must move while a clause runs. */
  readonly scheduler: Scheduler
  /**
   * How much of a human time span to wait, above 0 to 1: a reader that stops for 60 s stops for
   * `60_000 * timeScale` milliseconds. 1 in simulated time.
   */
  readonly timeScale: number
  /** How long to wait for what must happen, in milliseconds of `scheduler`; be generous. */
  readonly patienceMs: number
  /**
   * How often a clause that needs a connection dials for it; default 1. More where the network may
   * lose so much of one handshake that it runs out of time. The dialer may have been established
   * by then: it must be told, or the clause fails.
   */
  readonly handshakesMax?: number
  /** Where it differs from the defaults. */
  readonly volumes?: Partial<ConformanceVolumes>
  /**
   * Clauses, by name, that cannot be run on this transport, each with the reason for people to
   * read. They are left out of `clausesFor`, and naming one that does not exist is an error.
   */
  readonly exceptions: Readonly<Record<string, string>>
  /** Starts a node on a free port of its own; it does not listen yet. */
  start(options: ConformanceNodeOptions): Promise<ConformanceNode>
  /**
   * Tries to start a node, and to listen, where a node has its port already, or fails the way the
   * system makes binding fail. Resolves only if that worked.
   */
  listenOnTakenPort(taken: ConformanceNode): Promise<void>
  /**
   * Comes to a listening node as a stranger. Resolves when the stranger has seen all that it will:
   * the refusal, or, where nothing answers (garbage, mute), when everything has been sent.
   */
  approach(node: ConformanceNode, stranger: Stranger): Promise<StrangerLeft>
  /** Opens a port behind which somebody strange listens. */
  listenAs(stranger: StrangeListener): Promise<StrangeListenerOpen>
}

/** A stranger that has done what it does. */
export interface StrangerLeft {
  /** Its socket goes away. */
  leave(): Promise<void>
}

/** Where a strange listener is. */
export interface StrangeListenerOpen {
  readonly address: HostPort
  close(): Promise<void>
}
