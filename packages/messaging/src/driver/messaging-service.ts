import {
  type ApplicationId,
  type BootId,
  BoundedMap,
  type ErrorCode,
  isApplicationId,
  type Logger,
  type NodeId,
  NodosumError,
  parseApplicationId,
  type Random,
  type Scheduler,
} from '@nodosum/kernel'
import { PayloadCodec } from '../adapters/cbor-payload.ts'
import type { Implementation } from '../contract/implement.ts'
import { type TypedCalls, typedCalls } from '../contract/typed-calls.ts'
import { inFlight, newDeliveryCounters } from '../core/delivery-ledger.ts'
import { nearestOf } from '../core/nearest.ts'
import { rendezvousOwner } from '../core/rendezvous.ts'
import type { MessagingOptions } from '../options.ts'
import type {
  Directory,
  IncomingLane,
  LaneClass,
  OutgoingLane,
  Session,
  Sessions,
} from '../ports.ts'
import { Application, type ApplicationHost } from './application.ts'
import type { ApplicationSnapshot, Undelivered } from './application-snapshot.ts'
import { Handlers } from './handlers.ts'
import { InboundMessages, type Owns } from './inbound-messages.ts'
import { InboundRequests } from './inbound-requests.ts'
import { messageIdPrefix } from './message-id.ts'
import { OutboundMessages } from './outbound-messages.ts'
import { OutboundRequests } from './outbound-requests.ts'
import type { PeerLaneHost } from './peer-lane.ts'
import { type LinkParts, PeerLink } from './peer-link.ts'
import { performRequest, type RequestCall, type RequestHost } from './request-call.ts'
import { StreamCall, type StreamHost } from './stream-call.ts'
import { type StreamEnds, StreamLane } from './stream-lane.ts'

const closedText = 'this node is closed; createNode starts another'

interface Registered {
  readonly application: Application
  readonly handlers: Handlers
}

/** How often closing looks whether every message has started. */
const flushLookMs = 5

/** All applications of one node and everything they have under way. */
export class MessagingService {
  onUndelivered: ((message: Undelivered) => void) | null = null
  /** Calls by contract. */
  readonly calls: TypedCalls
  readonly #self: { nodeId: NodeId; bootId: BootId }
  readonly #sessions: Sessions
  readonly #directory: Directory
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #logger: Logger
  readonly #options: MessagingOptions
  readonly #messageBytesMax: number
  readonly #codec: PayloadCodec
  readonly #applications: BoundedMap<string, Registered>
  readonly #links = new Map<Session, PeerLink>()
  readonly #applicationHost: ApplicationHost
  #announced = ''
  #closing: Promise<void> | null = null

  constructor(options: {
    self: { nodeId: NodeId; bootId: BootId }
    sessions: Sessions
    directory: Directory
    scheduler: Scheduler
    random: Random
    logger: Logger
    options: MessagingOptions
    /** Largest body of a frame. */
    messageBytesMax: number
  }) {
    this.#self = options.self
    this.#sessions = options.sessions
    this.#directory = options.directory
    this.#scheduler = options.scheduler
    this.#random = options.random
    this.#logger = options.logger
    this.#options = options.options
    this.#messageBytesMax = options.messageBytesMax
    const { payloadDepthMax, payloadItemsMax, sendTimeoutMs, requestTimeoutMs } = options.options
    this.#codec = new PayloadCodec({
      depthMax: payloadDepthMax,
      itemsMax: payloadItemsMax,
      bytesMax: options.messageBytesMax,
    })
    this.#applications = new BoundedMap(options.options.applicationsMax)
    this.#applicationHost = {
      self: options.self.nodeId,
      options: options.options,
      codec: this.#codec,
      laneHost: (application, lane, laneClass) => this.#laneHost(application, lane, laneClass),
      candidates: (application) => this.#directory.candidates(application),
      owner: (application, key) => this.#owner(application, key),
      any: (nodes) => this.#random.pick(nodes),
      nearest: (nodes) => nearestOf(nodes, (node) => this.#directory.rttMs(node)),
      request: (call) => this.#request(call),
      registered: () => this.#announce(),
    }
    this.calls = typedCalls({
      scheduler: options.scheduler,
      codec: this.#codec,
      sendTimeoutMs,
      requestTimeoutMs,
      application: (id) => this.application(id),
      stream: (call) => {
        const { id, counters } = this.application(call.application)
        return new StreamCall({ ...call, application: id, counters }, this.#streamHost())
      },
    })
  }

  /**
   * Registers the handlers of a contract and tells the cluster that this node runs it.
   *
   * @throws `CONFIG_INVALID` when it is implemented already, `LIMIT_PENDING` past `applicationsMax`
   */
  implement(implementation: Implementation): void {
    const id = parseApplicationId(implementation.application, 'application')
    this.#registered(id).handlers.implement(implementation)
    this.#announce()
  }

  /** Takes over a new session; to be called before anything arrives on it. */
  attach(session: Session): void {
    this.#links.set(session, new PeerLink(session, this.#scheduler, this.#parts))
  }

  /** @throws `CONFIG_INVALID` for an id that is none, `LIMIT_PENDING` past `applicationsMax`. */
  application(id: string): Application {
    return this.#registered(parseApplicationId(id, 'application')).application
  }

  snapshot(): Record<string, ApplicationSnapshot> {
    const all: Record<string, ApplicationSnapshot> = {}
    for (const [id, { application }] of this.#applications) {
      all[id] = { ...application.counters, inFlight: inFlight(application.counters) }
    }
    return all
  }

  /** Messages and requests of this node without an outcome, and handlers that run on it. */
  get busy(): number {
    let sum = 0
    for (const link of this.#links.values()) sum += link.inFlight
    for (const { handlers } of this.#applications.values()) sum += handlers.busy
    return sum
  }

  /** From now on new work is refused with PEER_DRAINING; what runs goes on. */
  drain(): void {
    for (const { handlers } of this.#applications.values()) handlers.draining = true
    for (const link of this.#links.values()) link.drain()
  }

  /**
   * Refuses new sends and those that wait to be accepted, and resolves when every message that was
   * accepted has started at its receiver or was rejected there, at the latest after
   * `flushTimeoutMs`. What is in flight then ends with its session, and what still arrives is
   * refused with PEER_DRAINING.
   */
  close(): Promise<void> {
    if (this.#closing === null) {
      // Whoever sends to this node from now on is told for sure that it was not handled.
      this.#closing = this.#flushed().then(() => this.drain())
      const error = new NodosumError('ERR_NODOSUM_SHUT_DOWN', closedText)
      for (const { application } of this.#applications.values()) application.closeAll(error)
    }
    return this.#closing
  }

  #flushed(): Promise<void> {
    const untilMs = this.#scheduler.nowMs() + this.#options.flushTimeoutMs
    return new Promise((resolve) => {
      const look = (): void => {
        const isFlushed = [...this.#links.values()].every(({ notStarted }) => notStarted === 0)
        if (isFlushed || this.#scheduler.nowMs() >= untilMs) resolve()
        else this.#scheduler.after(flushLookMs, look)
      }
      look()
    })
  }

  #registered(id: ApplicationId): Registered {
    let found = this.#applications.get(id)
    if (found === undefined) {
      const handlers = new Handlers({
        application: id,
        counters: newDeliveryCounters(),
        logger: this.#logger,
        concurrencyMax: this.#options.handlerConcurrencyMax,
        requestQueueMax: this.#options.requestQueueMax,
        streamsMax: this.#options.streamsMax,
        node: this.calls,
      })
      found = { application: new Application(id, handlers, this.#applicationHost), handlers }
      if (!this.#applications.set(id, found)) {
        const message = `${this.#applications.max} applications exist already (applicationsMax)`
        throw new NodosumError('ERR_NODOSUM_LIMIT_PENDING', message)
      }
    }
    return found
  }

  #announce(): void {
    const running = [...this.#applications.values()]
      .filter(({ application }) => application.isRunning)
      .map(({ application }) => application.id)
      .sort()
    const text = running.join(' ')
    if (text === this.#announced) return
    this.#announced = text
    this.#directory.announce(running)
  }

  #problem(peer: NodeId): NodosumError | null {
    if (this.#closing !== null) return new NodosumError('ERR_NODOSUM_SHUT_DOWN', closedText)
    if (this.#directory.isPresent(peer)) return null
    const message = `no living member of the cluster is called ${peer}; node.members() lists those there are`
    return new NodosumError('ERR_NODOSUM_PEER_UNKNOWN', message)
  }

  #link(peer: NodeId): PeerLink | null {
    const session = this.#sessions.get(peer)
    if (session === null || session.closed) return null
    return this.#links.get(session) ?? null
  }

  #openLink(peer: NodeId): PeerLink | null {
    return this.#closing === null ? this.#link(peer) : null
  }

  async #connect(peer: NodeId): Promise<PeerLink> {
    const session = await this.#sessions.ensure(peer)
    const link = this.#links.get(session)
    if (link !== undefined) return link
    throw new NodosumError('ERR_NODOSUM_CONNECTION_LOST', `the session to ${peer} ended at once`)
  }

  #owner(application: ApplicationId, key: string): NodeId | undefined {
    return rendezvousOwner(key, this.#directory.candidates(application))
  }

  readonly #owns: Owns = (application, key) =>
    this.#owner(application as ApplicationId, key) === this.#self.nodeId

  #laneHost(application: ApplicationId, lane: string, laneClass: LaneClass): PeerLaneHost {
    return {
      scheduler: this.#scheduler,
      open: (peer) => this.#openLink(peer)?.messages(application, lane, laneClass) ?? null,
      connect: async (peer) => void (await this.#connect(peer)),
      problem: (peer) => this.#problem(peer),
      refused: () => {
        this.#registered(application).application.counters.refused += 1
      },
    }
  }

  #request(call: RequestCall): Promise<unknown> {
    return performRequest(call, this.#requestHost())
  }

  #requestHost(): RequestHost {
    return {
      ...this.#applicationHost,
      scheduler: this.#scheduler,
      random: this.#random,
      options: this.#options,
      problem: (peer) => this.#problem(peer),
      lane: async (peer, application) => {
        const link = this.#link(peer) ?? (await this.#connect(peer))
        return link.requests(application)
      },
    }
  }

  #streamHost(): StreamHost {
    return {
      ...this.#requestHost(),
      streams: async (peer, application) => {
        const link = this.#link(peer) ?? (await this.#connect(peer))
        return link.streams(application)
      },
    }
  }

  readonly #parts: LinkParts = {
    messages: (link, application, lane) => this.#outbound(link, application, lane),
    requests: (link, application, lane) =>
      new OutboundRequests({
        lane,
        session: link.session,
        counters: this.#registered(application as ApplicationId).application.counters,
        scheduler: this.#scheduler,
        codec: this.#codec,
        bytesMax: this.#messageBytesMax,
        pendingMax: this.#options.pendingRequestsMax,
      }),
    inbound: (link, lane) => this.#inbound(link, lane),
    streams: (ends) => this.#streams(ends),
    closed: (link) => {
      this.#links.delete(link.session)
      this.#scheduler.immediate(() => {
        if (this.#closing !== null) return
        for (const { application } of this.#applications.values()) {
          application.sessionLost(link.session.peer)
        }
      })
    },
  }

  #outbound(link: PeerLink, id: string, lane: OutgoingLane): OutboundMessages {
    const { application } = this.#registered(id as ApplicationId)
    return new OutboundMessages({
      lane,
      session: link.session,
      counters: application.counters,
      inFlightMax: this.#options.inFlightMax,
      bytesMax: this.#messageBytesMax,
      idPrefix: messageIdPrefix(this.#self.bootId, link.session.peerBootId, link.session, lane),
      onUndelivered: (messageId: string, to: string, code: ErrorCode) =>
        this.onUndelivered?.({ application: `${id}`, messageId, to, code }),
    })
  }

  #streams(ends: StreamEnds): StreamLane {
    const { session, application } = ends
    return new StreamLane({
      ...ends,
      handlers: this.#registered(application as ApplicationId).handlers,
      scheduler: this.#scheduler,
      options: this.#options,
      codec: this.#codec,
      bytesMax: this.#messageBytesMax,
      owns: this.#owns,
      idPrefix: (stream) =>
        messageIdPrefix(session.peerBootId, this.#self.bootId, session, { stream }),
    })
  }

  #inbound(
    link: PeerLink,
    lane: IncomingLane,
  ): InboundMessages | InboundRequests | StreamLane | null {
    if (!isApplicationId(lane.application)) return null
    if (this.#applications.isFull && !this.#applications.has(lane.application)) return null
    const { handlers } = this.#registered(lane.application)
    const { session } = link
    const shared = {
      lane,
      session,
      control: link.control,
      handlers,
      codec: this.#codec,
      owns: this.#owns,
      idPrefix: messageIdPrefix(session.peerBootId, this.#self.bootId, session, lane),
      onBroken: link.broken,
    }
    if (lane.kind === 'streams') {
      const streams = link.streams(lane.application)
      return streams.bind(lane.stream) ? streams : null
    }
    if (lane.kind === 'messages') {
      return new InboundMessages({ ...shared, markDirty: link.markDirty })
    }
    return new InboundRequests({
      ...shared,
      scheduler: this.#scheduler,
      bytesMax: this.#messageBytesMax,
      contextsMax: this.#options.handlerConcurrencyMax + this.#options.requestQueueMax,
    })
  }
}
