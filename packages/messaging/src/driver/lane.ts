import {
  type ApplicationId,
  BoundedMap,
  type ErrorCode,
  isNodosumError,
  type NodeId,
  NodosumError,
  parseNodeId,
} from '@nodosum/kernel'
import type { EncodedPayload, PayloadCodec } from '../adapters/cbor-payload.ts'
import { isRule, keyOf, type Target } from '../core/target.ts'
import type { MessagingOptions } from '../options.ts'
import type { LaneClass } from '../ports.ts'
import { encodeHeaders } from '../wire/envelope.ts'
import type { ApplicationPolicy } from './application-policy.ts'
import { checkBroadcast, checkNode, checkSend } from './call-checks.ts'
import type { BroadcastOptions, Outcome, SendOptions } from './call-options.ts'
import { codeOf } from './failure.ts'
import { PeerLane, type PeerLaneHost } from './peer-lane.ts'
import type { RequestCall } from './request-call.ts'
import { type Avoided, nobody, type RuleHost, resolveRule } from './resolve-rule.ts'

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
    const extra = { method, headers: options?.headers }
    if (isRule(to)) {
      const { node, group } = resolveRule(to, this.applicationId, this.host, this.#avoided)
      const headers = encodeHeaders({ key: keyOf(to), group, ...extra })
      return this.#peer(node).send(encoded, headers, settings)
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
    const headers = encodeHeaders({ method, headers: options?.headers })
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
