import {
  type ApplicationId,
  type BootId,
  BoundedMap,
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
import { MemoryBudget, type MemorySnapshot } from '../core/memory-budget.ts'
import { nearestOf } from '../core/nearest.ts'
import { rendezvousOwner } from '../core/rendezvous.ts'
import { isInGroup } from '../core/target.ts'
import { applicationDefaults, type MessagingOptions } from '../options.ts'
import type { Directory, LaneClass, Session, Sessions } from '../ports.ts'
import { Application } from './application.ts'
import { ApplicationPolicy } from './application-policy.ts'
import type { ApplicationSnapshot, Undelivered } from './application-snapshot.ts'
import { HandlerTurn } from './handler-turn.ts'
import { Handlers } from './handlers.ts'
import type { Owns } from './inbound-messages.ts'
import type { ApplicationHost } from './lane.ts'
import { LaneEnds } from './lane-ends.ts'
import type { PeerLaneHost } from './peer-lane.ts'
import { PeerLink } from './peer-link.ts'
import { performRequest, type RequestCall, type RequestHost } from './request-call.ts'
import { StreamCall, type StreamHost } from './stream-call.ts'

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
  readonly #ends: LaneEnds
  readonly #codec: PayloadCodec
  readonly #isControl: (application: string) => boolean
  readonly #memory: MemoryBudget
  readonly #turn: HandlerTurn
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
    /** Applications with which the node itself talks to its cluster: no limit holds them up. */
    isControl?: (application: string) => boolean
  }) {
    this.#self = options.self
    this.#sessions = options.sessions
    this.#directory = options.directory
    this.#scheduler = options.scheduler
    this.#random = options.random
    this.#logger = options.logger
    this.#options = { ...options.options }
    const { payloadDepthMax, payloadItemsMax, memoryBytesMax, handlerTurnMs } = options.options
    this.#codec = new PayloadCodec({
      depthMax: payloadDepthMax,
      itemsMax: payloadItemsMax,
      bytesMax: options.messageBytesMax,
    })
    this.#isControl = options.isControl ?? (() => false)
    this.#memory = new MemoryBudget(memoryBytesMax)
    this.#turn = new HandlerTurn(options.scheduler, handlerTurnMs)
    this.#applications = new BoundedMap(options.options.applicationsMax)
    this.#applicationHost = {
      self: options.self.nodeId,
      options: this.#options,
      codec: this.#codec,
      laneHost: (application, lane, laneClass) => this.#laneHost(application, lane, laneClass),
      candidates: (application) => this.#directory.candidates(application),
      tags: (node) => this.#directory.tags(node),
      draw: () => this.#random.float(),
      any: (nodes) => this.#random.pick(nodes),
      nearest: (nodes) => nearestOf(nodes, (node) => this.#directory.rttMs(node)),
      request: (call) => this.#request(call),
      registered: () => this.#announce(),
    }
    this.#ends = new LaneEnds({
      bootId: options.self.bootId,
      scheduler: options.scheduler,
      codec: this.#codec,
      options: this.#options,
      bytesMax: options.messageBytesMax,
      owns: this.#owns,
      counters: (id) => this.#registered(id).application.counters,
      handlers: (id) => {
        const isKnown = this.#applications.has(id)
        return isKnown || !this.#applications.isFull ? this.#registered(id).handlers : null
      },
      undelivered: (message) => this.onUndelivered?.(message),
      closed: (link) => this.#linkClosed(link),
    })
    this.calls = typedCalls({
      scheduler: options.scheduler,
      codec: this.#codec,
      application: (id) => this.application(id),
      stream: (call) => {
        const { id, counters, policy } = this.application(call.application)
        return new StreamCall({ ...call, application: id, counters, policy }, this.#streamHost())
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

  /** Other options from now on; what an application has set for itself stays. */
  reconfigure(changes: Partial<MessagingOptions>): void {
    Object.assign(this.#options, changes)
    const settings = applicationDefaults(this.#options)
    for (const { handlers } of this.#applications.values()) handlers.policy.useDefaults(settings)
  }

  /** Takes over a new session; to be called before anything arrives on it. */
  attach(session: Session): void {
    this.#links.set(session, new PeerLink(session, this.#scheduler, this.#ends))
  }

  /** @throws `CONFIG_INVALID` for an id that is none, `LIMIT_PENDING` past `applicationsMax`. */
  application(id: string): Application {
    return this.#registered(parseApplicationId(id, 'application')).application
  }

  snapshot(): Record<string, ApplicationSnapshot> {
    const all: Record<string, ApplicationSnapshot> = {}
    for (const [id, { application, handlers }] of this.#applications) {
      const { running } = handlers
      all[id] = {
        ...application.counters,
        inFlight: inFlight(application.counters),
        messagesRunning: running.messages,
        requestsRunning: running.requests,
        streamsRunning: running.streams,
        requestsWaiting: handlers.waiting,
        ...handlers.policy.snapshot(),
      }
    }
    return all
  }

  /** What messages and requests that are not finished keep of this node's memory. */
  get memory(): MemorySnapshot {
    return this.#memory.snapshot()
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
      for (const { application, handlers } of this.#applications.values()) {
        application.closeAll(error)
        handlers.policy.breakers.close()
      }
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
        streamsMax: this.#options.streamsMax,
        node: this.calls,
        policy: new ApplicationPolicy({
          application: id,
          isControl: this.#isControl(id),
          settings: this.#options,
          scheduler: this.#scheduler,
          random: this.#random.stream(`breakers of ${id}`),
        }),
        scheduler: this.#scheduler,
        memory: this.#memory,
        turn: this.#turn,
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

  readonly #owns: Owns = (application, key, group) => {
    const all = this.#directory.candidates(application as ApplicationId)
    const members =
      group === null ? all : all.filter((node) => isInGroup(this.#directory.tags(node), group))
    return rendezvousOwner(key, members) === this.#self.nodeId
  }

  #laneHost(application: ApplicationId, lane: string, laneClass: LaneClass): PeerLaneHost {
    return {
      scheduler: this.#scheduler,
      memory: this.#memory,
      importance: this.#isControl(application) ? 'control' : 'bulk',
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
      memory: this.#memory,
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

  /** What waited for its confirmation is settled by the link; what waits to leave looks for another. */
  #linkClosed({ session }: PeerLink): void {
    this.#links.delete(session)
    this.#scheduler.immediate(() => {
      if (this.#closing !== null) return
      for (const { application } of this.#applications.values()) {
        application.sessionLost(session.peer)
      }
    })
  }
}
