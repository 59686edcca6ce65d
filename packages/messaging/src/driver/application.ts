import {
  type ApplicationId,
  BoundedMap,
  type ErrorCode,
  isNodosumError,
  type NodeId,
  NodosumError,
  parseNodeId,
  parseStreamName,
} from '@nodosum/kernel'
import { checkFunction } from '@nodosum/kernel/options'
import type { EncodedPayload, PayloadCodec } from '../adapters/cbor-payload.ts'
import type { DeliveryCounters } from '../core/delivery-ledger.ts'
import type { Target } from '../core/target.ts'
import type { ApplicationOptions, MessagingOptions } from '../options.ts'
import type { LaneClass } from '../ports.ts'
import { encodeHeaders } from '../wire/envelope.ts'
import type { ApplicationPolicy } from './application-policy.ts'
import { checkBroadcast, checkLane, checkNode, checkSend } from './call-checks.ts'
import { codeOf } from './failure.ts'
import type { Handlers, MessageHandler, RequestHandler } from './handlers.ts'
import { PeerLane, type PeerLaneHost } from './peer-lane.ts'
import type { RequestCall } from './request-call.ts'
import { type Avoided, nobody, type RuleHost, resolveRule } from './resolve-rule.ts'

/** How one copy of a broadcast ended. */
export type Outcome =
  | { readonly status: 'accepted' | 'delivered' }
  | {
      readonly status: 'refused' | 'rejected' | 'expired' | 'unknown'
      readonly code: string
      /** The same code with its words and its cause. */
      readonly error: NodosumError
    }

export interface SendOptions {
  readonly confirm?: 'accepted' | 'received' | 'handled' | undefined
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface BroadcastOptions extends SendOptions {
  readonly includeSelf?: boolean | undefined
}

export interface RequestOptions {
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly idempotent?: boolean | undefined
  readonly attemptsMax?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface LaneOptions {
  readonly class?: LaneClass | undefined
}

/** What an application needs of the node around it. */
export interface ApplicationHost extends RuleHost {
  readonly self: NodeId
  readonly options: MessagingOptions
  readonly codec: PayloadCodec
  /** How a lane of this application reaches its peers. */
  laneHost(application: ApplicationId, lane: string, laneClass: LaneClass): PeerLaneHost
  request(call: RequestCall): Promise<unknown>
  /** A handler was registered. */
  registered(): void
}

/** A named stream of an application: its own order and its own flow control. */
export class Lane {
  readonly name: string
  readonly class: LaneClass
  protected readonly applicationId: ApplicationId
  protected readonly host: ApplicationHost
  readonly policy: ApplicationPolicy
  readonly #peers: BoundedMap<string, PeerLane>
  readonly #laneHost: PeerLaneHost
  /** A node that leaves requests unanswered is no good place for a message either. */
  readonly #avoided: Avoided

  constructor(
    applicationId: ApplicationId,
    name: string,
    laneClass: LaneClass,
    host: ApplicationHost,
    policy: ApplicationPolicy,
  ) {
    this.applicationId = applicationId
    this.name = name
    this.class = laneClass
    this.host = host
    this.policy = policy
    this.#laneHost = host.laneHost(applicationId, name, laneClass)
    this.#avoided = { ...nobody, isOpen: (node) => policy.avoids(node) }
    this.#peers = new BoundedMap(peersMax)
  }

  /**
   * Sends to a node, to each of several, or to whom a rule names. Resolves as `confirm` says.
   *
   * @throws `NO_TARGET`, `PEER_UNKNOWN`, `BACKPRESSURE`, `NOT_CONNECTED`, `LIMIT_PENDING`,
   *   `MEMORY_PRESSURE`, `MESSAGE_TOO_LARGE`, `PAYLOAD_INVALID`, `CANCELLED`, `CONFIG_INVALID` for a target, an empty
   *   list among them, or an option that is wrong; with a confirmation also `DELIVERY_UNKNOWN` and
   *   what the receiver answered. Of several nodes: the first failure, with all failed nodes in
   *   `details.failed`.
   * @param method of a contract, whose handlers are to get it
   */
  async send(
    to: Target,
    payload: unknown,
    options?: SendOptions,
    method: string | null = null,
  ): Promise<void> {
    checkSend(to, options)
    const encoded = this.host.codec.encode(payload)
    const settings = {
      confirm: options?.confirm ?? 'accepted',
      timeoutMs: options?.timeoutMs ?? this.policy.settings.sendTimeoutMs,
      signal: options?.signal,
      waitsForRoom: true,
    } as const
    const given = options?.headers
    const extra = { method, ...(given !== undefined && { headers: given }) }
    if (typeof to === 'object' && 'kind' in to) {
      const { node, group } = resolveRule(to, this.applicationId, this.host, this.#avoided)
      const key = to.kind === 'owner' ? to.key : null
      return this.#peer(node).send(encoded, encodeHeaders({ key, group, ...extra }), settings)
    }
    const headers = encodeHeaders(extra)
    if (typeof to === 'string') return this.#peer(to).send(encoded, headers, settings)
    const results = await Promise.allSettled(
      to.map((node) => this.#peer(node).send(encoded, headers, settings)),
    )
    const failed = to.filter((_, index) => results[index]?.status === 'rejected')
    const first = results.find((result) => result.status === 'rejected')
    if (first === undefined) return
    const count = `${failed.length} of ${to.length} nodes (${failed.join(', ')})`
    const message = `not sent to ${count}; the first because: ${(first.reason as Error).message}`
    throw new NodosumError(codeOf(first.reason), message, {
      cause: first.reason,
      details: { failed },
    })
  }

  /**
   * The synchronous form for hot paths: `accepted`, or the code of the refusal.
   *
   * @throws `PAYLOAD_INVALID`, and `CONFIG_INVALID` for what is not a node id.
   */
  trySend(to: string, payload: unknown): 'accepted' | ErrorCode {
    const lane = this.#peers.get(to) ?? this.#checkedPeer(to)
    if (payload instanceof Uint8Array) return lane.trySend({ bytes: payload, cbor: false })
    let encoded: EncodedPayload
    try {
      encoded = this.host.codec.encode(payload)
    } catch (error) {
      if (!isNodosumError(error, 'ERR_NODOSUM_MESSAGE_TOO_LARGE')) throw error
      this.#laneHost.refused()
      return error.code
    }
    return lane.trySend(encoded)
  }

  /**
   * Sends to every member that runs the application, on the same lane as `send`. A node whose buffer
   * is full is refused with `BACKPRESSURE` at once; with `confirm` each node has `timeoutMs` for its
   * session and its confirmation. Says for each node how it went.
   *
   * @throws `LIMIT_FAN_OUT` when there are more nodes than `broadcastMax`, `PAYLOAD_INVALID`,
   *   `CONFIG_INVALID`
   */
  async broadcast(
    payload: unknown,
    options?: BroadcastOptions,
    method: string | null = null,
  ): Promise<ReadonlyMap<string, Outcome>> {
    checkBroadcast(options)
    const encoded = this.host.codec.encode(payload)
    const targets = this.host
      .candidates(this.applicationId)
      .filter((node) => options?.includeSelf === true || node !== this.host.self)
    this.#checkFanOut(targets.length)
    const given = options?.headers
    const headers = encodeHeaders({ method, ...(given !== undefined && { headers: given }) })
    const confirm = options?.confirm ?? 'accepted'
    const settings = {
      confirm,
      timeoutMs: options?.timeoutMs ?? this.policy.settings.sendTimeoutMs,
      signal: options?.signal,
      waitsForRoom: false,
    }
    const outcomes = await Promise.all(
      targets.map(async (node): Promise<[string, Outcome]> => {
        if (confirm === 'accepted') {
          const lane = this.#peer(node)
          const code = lane.trySend(encoded, headers)
          if (code === 'accepted') return [node, { status: code }]
          return [node, { status: 'refused', code, error: lane.explain(code, encoded, headers) }]
        }
        try {
          await this.#peer(node).send(encoded, headers, settings)
          return [node, { status: 'delivered' }]
        } catch (error) {
          return [node, outcomeOf(error as NodosumError)]
        }
      }),
    )
    return new Map(outcomes)
  }

  /** Short, for logs. */
  toString(): string {
    return `Lane { application: '${this.applicationId}', name: '${this.name}' }`
  }

  /** A session ended; what waits looks for the next one. */
  sessionLost(peer: NodeId): void {
    this.#peers.get(peer)?.sessionLost()
  }

  closeAll(error: NodosumError): void {
    for (const lane of this.#peers.values()) lane.close(error)
    this.#peers.clear()
  }

  #checkFanOut(nodes: number): void {
    const { broadcastMax } = this.policy.settings
    if (nodes <= broadcastMax) return
    const message = `${this.applicationId} runs on ${nodes} nodes, a broadcast goes to ${broadcastMax} (broadcastMax)`
    const details = { nodes, nodesMax: broadcastMax }
    throw new NodosumError('ERR_NODOSUM_LIMIT_FAN_OUT', message, { details })
  }

  #checkedPeer(to: unknown): PeerLane {
    checkNode('trySend(to, payload)', to)
    return this.#peer(to as string)
  }

  #peer(to: string): PeerLane {
    let lane = this.#peers.get(to)
    if (lane === undefined) {
      const peer = parseNodeId(to, 'to')
      lane = new PeerLane(peer, this.#laneHost, this.host.options.waitingSendsMax)
      if (!this.#peers.set(peer, lane)) {
        this.#forgetOne()
        this.#peers.set(peer, lane)
      }
    }
    return lane
  }

  /** Nodes come and go; one that nothing waits for makes room. */
  #forgetOne(): void {
    for (const [peer, lane] of this.#peers) {
      if (lane.waiting === 0) return void this.#peers.delete(peer)
    }
    const message = `sends to ${this.#peers.max} nodes wait already`
    throw new NodosumError('ERR_NODOSUM_LIMIT_PENDING', message)
  }
}

const peersMax = 4_096

/** The lane of an application's own `send`. */
const defaultLane = 'default'

/** A module's endpoint: handlers on this node, and sending to the same application elsewhere. */
export class Application extends Lane {
  readonly id: ApplicationId
  readonly counters: DeliveryCounters
  readonly #handlers: Handlers
  readonly #lanes: BoundedMap<string, Lane>

  constructor(id: ApplicationId, handlers: Handlers, host: ApplicationHost) {
    super(id, defaultLane, 'interactive', host, handlers.policy)
    this.id = id
    this.counters = handlers.counters
    this.#handlers = handlers
    this.#lanes = new BoundedMap(host.options.lanesMax)
  }

  /**
   * Handles messages to this application on this node, for as long as the node lives.
   *
   * @throws `CONFIG_INVALID` for what is no function, and when there is a handler already
   */
  onMessage(handler: MessageHandler): this {
    checkFunction('onMessage(handler)', handler, 'which is given payload and context')
    if (this.#handlers.onMessage !== null) throw handledAlready(this.id, 'onMessage')
    this.#handlers.onMessage = handler
    this.host.registered()
    return this
  }

  /**
   * Answers requests to this application on this node, for as long as the node lives.
   *
   * @throws `CONFIG_INVALID` for what is no function, and when there is a handler already
   */
  onRequest(handler: RequestHandler): this {
    checkFunction('onRequest(handler)', handler, 'which returns the reply or a promise of it')
    if (this.#handlers.onRequest !== null) throw handledAlready(this.id, 'onRequest')
    this.#handlers.onRequest = handler
    this.host.registered()
    return this
  }

  /**
   * Gives this application limits, budgets and times of its own on this node, from now on; what is
   * not given stays. Names and meanings are those of `layers.messaging`.
   *
   * @throws `CONFIG_INVALID` that lists every problem; then nothing changes
   */
  configure(options: Partial<ApplicationOptions>): this {
    this.policy.configure(options)
    return this
  }

  /** Whether this node runs the application: it has a handler. */
  get isRunning(): boolean {
    return this.#handlers.isRunning
  }

  /**
   * Resolves with the reply or rejects with exactly one coded error. Sent again, at most
   * `attemptsMax` times within `timeoutMs` and within the retry budget, after refusals that say that
   * the handler did not run; with `idempotent` also after an unknown outcome and after an error of
   * the handler that is `retryable`. Of a list of nodes each attempt asks one, at random among those
   * that are there.
   */
  request(
    to: Target,
    payload: unknown,
    options?: RequestOptions,
    method: string | null = null,
  ): Promise<unknown> {
    const { id: application, counters, policy } = this
    return this.host.request({ application, counters, policy, to, payload, options, method })
  }

  /** Ids of alive, non-draining members that run this application, self included, sorted. */
  nodes(): readonly string[] {
    return this.host.candidates(this.id)
  }

  /**
   * The lane of this name; its class, interactive unless told, holds from the first call on.
   *
   * @throws `LIMIT_STREAMS` past `lanesMax`, `CONFIG_INVALID` for a name that is none, a class that
   *   is none, and another class than the lane has
   */
  lane(name: string, options?: LaneOptions): Lane {
    checkLane(options)
    const wanted = options?.class
    let lane = this.#lanes.get(name)
    const known = name === defaultLane ? this : lane
    if (known !== undefined && wanted !== undefined && wanted !== known.class) {
      throw classDiffers(this.id, known, wanted)
    }
    if (lane === undefined) {
      parseStreamName(name, 'lane')
      lane = new Lane(this.id, name, wanted ?? 'interactive', this.host, this.policy)
      if (!this.#lanes.set(name, lane)) {
        const message = `${this.id} has ${this.#lanes.max} lanes already (lanesMax)`
        throw new NodosumError('ERR_NODOSUM_LIMIT_STREAMS', message)
      }
    }
    return lane
  }

  override toString(): string {
    return `Application { id: '${this.id}' }`
  }

  override sessionLost(peer: NodeId): void {
    super.sessionLost(peer)
    for (const lane of this.#lanes.values()) lane.sessionLost(peer)
  }

  override closeAll(error: NodosumError): void {
    super.closeAll(error)
    for (const lane of this.#lanes.values()) lane.closeAll(error)
  }
}

// console.log of an endpoint would show the node behind it, down to its sockets.
const inspect = Symbol.for('nodejs.util.inspect.custom')
Object.defineProperty(Lane.prototype, inspect, {
  value(this: Lane): string {
    return this.toString()
  },
})

/** Two handlers would be two modules under one name; the first would wait for nothing. */
function handledAlready(id: ApplicationId, call: 'onMessage' | 'onRequest'): NodosumError {
  const message =
    `${call}(handler): application ${id} has a handler already on this node and is given one ` +
    'only: choose inside it by the payload, or use another application id'
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
}

/** Messages of one lane keep their order, so that they cannot be of two classes. */
function classDiffers(id: ApplicationId, lane: Lane, wanted: LaneClass): NodosumError {
  const message =
    `lane(name, options): lane '${lane.name}' of application ${id} is ${lane.class} from its first ` +
    `use on and cannot be ${wanted}: say the class there, or use another name`
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
}

function outcomeOf(error: NodosumError): Outcome {
  const { code } = error
  switch (code) {
    case 'ERR_NODOSUM_REMOTE_ERROR':
      // Its handler ran, and threw.
      return { status: 'delivered' }
    case 'ERR_NODOSUM_DELIVERY_UNKNOWN':
    case 'ERR_NODOSUM_CANCELLED':
      return { status: 'unknown', code, error }
    case 'ERR_NODOSUM_NO_HANDLER':
    case 'ERR_NODOSUM_PEER_DRAINING':
    case 'ERR_NODOSUM_NOT_OWNER':
    case 'ERR_NODOSUM_PAYLOAD_INVALID':
      return { status: 'rejected', code, error }
    default:
      return { status: 'refused', code, error }
  }
}
