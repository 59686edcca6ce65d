import { type ApplicationId, type ClusterName, isNodosumError, NodosumError } from '@nodosum/kernel'
import {
  type CallOptions,
  callDuration,
  callSignal,
  checkCallOptions,
  checkFunction,
  checkWord,
  described,
} from '@nodosum/kernel/options'
import type {
  Application,
  CloseReason,
  DrainReport,
  Health,
  Member,
  MemberChange,
  Metrics,
  Node,
  Streams,
  Undelivered,
} from './api.ts'
import { changeFeed } from './change-feed.ts'
import { isTrouble } from './discovery-source.ts'
import type { GossipKeys } from './gossip-keys-api.ts'
import { type DiscoveryFacts, healthOf, type MessagingFacts } from './health.ts'
import { isInternal } from './internal-applications.ts'
import type { IdentityOptions, NodeConfig, NodeOptions } from './node-options.ts'
import { hotChanges } from './reconfigure.ts'
import { transportFacts } from './transport-facts.ts'
import type { Layers } from './wiring.ts'

/** How long others get to hear that this node drains before it refuses new work. */
const drainNoticeMs = 500

/** How often draining looks whether everything has ended. */
const drainPollMs = 20

const drainKnown: CallOptions = new Map([['deadlineMs', callDuration(0)]])
const changesKnown: CallOptions = new Map([['signal', callSignal]])

/** A node that has joined. */
export class RunningNode implements Node {
  readonly id: string
  readonly bootId: string
  readonly cluster: string
  readonly closed: Promise<CloseReason>
  readonly request: Node['request']
  readonly send: Node['send']
  readonly broadcast: Node['broadcast']
  readonly stream: Node['stream']
  readonly #layers: Layers
  readonly #undelivered = new Set<(message: Undelivered) => void>()
  #resolveClosed: (reason: CloseReason) => void = () => undefined
  /** As it is now: it began as `layers.config`. */
  #config: NodeConfig
  #draining: Promise<DrainReport> | null = null
  #closing: Promise<void> | null = null

  constructor(layers: Layers) {
    this.#layers = layers
    this.#config = layers.config
    this.id = layers.nodeId
    this.bootId = layers.bootId
    this.cluster = layers.config.cluster
    const { calls } = layers.messaging
    this.request = calls.request
    this.send = calls.send
    this.broadcast = calls.broadcast
    this.stream = calls.stream
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    layers.membership.onConflict = (error) => this.fail(error)
  }

  get address(): { readonly host: string; readonly port: number } {
    const { membership, network } = this.#layers
    const { port, host: bound } = network.udp.address
    const [self] = membership.members()
    return { host: self?.addresses[0]?.host ?? bound, port }
  }

  members(): readonly Member[] {
    return this.#layers.membership.members()
  }

  health(): Health {
    return healthOf({
      nowMs: this.#layers.scheduler.wallMs(),
      members: this.members(),
      doubts: this.#layers.membership.doubts,
      detoured: this.#layers.membership.detoured,
      snapshotProblem: this.#layers.membership.snapshotProblem,
      discovery: discoveryFacts(this.#layers),
      sessions: this.#sessionCount(),
      transport: transportFacts(this.#layers, this.members()),
      messaging: messagingFacts(this.#layers),
      certificateNotAfterMs: this.#layers.network.identity.notAfterMs,
      draining: this.#draining !== null,
      closed: this.#closing !== null,
    })
  }

  metrics(): Metrics {
    const members = { alive: 0, suspect: 0, failed: 0, left: 0, draining: 0 }
    for (const { state } of this.members()) members[state] += 1
    const applications = Object.fromEntries(
      Object.entries(this.#layers.messaging.snapshot()).filter(([id]) => !isInternal(id)),
    )
    const connections = this.#layers.network.pool.snapshot()
    const { sealed, opened, ...refused } = this.#layers.seal.counters
    const detours = { ...this.#layers.membership.detours }
    const gossip = { sealed, opened, refused, detours }
    const { memory } = this.#layers.messaging
    const { counters, localHealth } = this.#layers.membership
    const membership = { ...counters, localHealth }
    return {
      applications,
      memory,
      members,
      sessions: this.#sessionCount(),
      bytes: this.#layers.sessions.budgets,
      gossip,
      membership,
      connections,
    }
  }

  streams(): Streams {
    const { sessions } = this.#layers
    return { sessions: sessions.snapshots(), reaped: sessions.reaped }
  }

  on(event: 'member', listener: (change: MemberChange) => void): () => void
  on(event: 'undelivered', listener: (message: Undelivered) => void): () => void
  on(
    event: 'member' | 'undelivered',
    listener: ((change: MemberChange) => void) | ((message: Undelivered) => void),
  ): () => void {
    checkWord('node.on(event, listener)', event, ['member', 'undelivered'])
    checkFunction('node.on(event, listener)', listener, 'which is called with each of them')
    if (event === 'member') {
      return this.#layers.membership.onChange(listener as (change: MemberChange) => void)
    }
    const heard = listener as (message: Undelivered) => void
    this.#undelivered.add(heard)
    this.#layers.messaging.onUndelivered = (message) => {
      if (isInternal(message.application)) return
      for (const each of [...this.#undelivered]) this.#tell(each, message)
    }
    return () => {
      this.#undelivered.delete(heard)
      if (this.#undelivered.size === 0) this.#layers.messaging.onUndelivered = null
    }
  }

  changes(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<MemberChange> {
    checkCallOptions('node.changes(options)', options, changesKnown)
    return changeFeed({
      subscribe: (listener) => this.on('member', listener),
      closed: this.closed,
      signal: options?.signal,
    })
  }

  application(id: string): Application {
    if (isInternal(String(id))) {
      const message = `application(id): names that begin with "nodosum." are the library's own, got ${id}`
      throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
    }
    return this.#layers.messaging.application(id as ApplicationId) as Application
  }

  get gossipKeys(): GossipKeys {
    return this.#layers.keys
  }

  async reconfigure(changes: Partial<NodeOptions>): Promise<readonly string[]> {
    const { membership, ports, logger } = this.#layers
    if (typeof changes !== 'object' || changes === null) {
      const message = `node.reconfigure(changes) takes options as an object, not ${described(changes)}`
      throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
    }
    const { next, identity, tags, logLevel, messaging, paths } = hotChanges(this.#config, changes)
    if (this.#closing !== null) throw closed()
    // First what may be refused.
    if (identity !== null) await this.reloadCertificates(next.identity)
    this.#config = next
    if (tags !== null) membership.setTags(tags)
    if (logLevel !== null) ports.setLogLevel?.(logLevel ?? 'warn')
    this.#layers.messaging.reconfigure(messaging)
    if (paths.length > 0) {
      logger.info({ event: 'config.changed', options: paths }, `changed: ${paths.join(', ')}`)
    }
    return paths
  }

  async reloadCertificates(identity?: IdentityOptions): Promise<void> {
    const { ports, network, nodeId, logger } = this.#layers
    const config = this.#config
    const cluster = config.cluster as ClusterName
    const fresh = await ports.reloadIdentity({ config, nodeId, cluster, given: identity })
    if (this.#closing !== null) throw closed()
    network.useIdentity(fresh)
    logger.info(
      { event: 'certificate.reloaded', not_after: new Date(fresh.notAfterMs).toISOString() },
      'new connections present another certificate; those that there are get replaced',
    )
  }

  async drain(options?: { readonly deadlineMs?: number | undefined }): Promise<DrainReport> {
    checkCallOptions('node.drain(options)', options, drainKnown)
    this.#draining ??= this.#drain(options?.deadlineMs ?? 30_000)
    return this.#draining
  }

  close(): Promise<void> {
    return this.#close({ kind: 'closed', error: null })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #close(reason: CloseReason): Promise<void> {
    this.#closing ??= this.#shutDown(reason)
    return this.#closing
  }

  async #shutDown(reason: CloseReason): Promise<void> {
    const { membership, discovery, undo, logger } = this.#layers
    // A process that lost its id to another must not say that the id has left.
    if (reason.kind === 'closed') membership.leave()
    await discovery.withdraw?.().catch((error: unknown) => {
      logger.warn({ event: 'discovery.failed', err: error }, 'the announcement was not withdrawn')
    })
    const failures = await undo.run()
    for (const error of failures) {
      logger.error({ event: 'close.failed', err: error }, 'a part of the node did not close')
    }
    logger.info({ event: 'node.closed' }, 'the node is closed')
    this.#resolveClosed(reason)
  }

  async #drain(deadlineMs: number): Promise<DrainReport> {
    const { membership, messaging, directory, scheduler } = this.#layers
    const startedMs = scheduler.nowMs()
    const inFlightAtStart = messaging.busy
    membership.drain()
    directory.changed()
    await this.#pause(Math.min(drainNoticeMs, deadlineMs))
    messaging.drain()
    const leftMs = (): number => deadlineMs - (scheduler.nowMs() - startedMs)
    while (messaging.busy > 0 && leftMs() > 0 && this.#closing === null) {
      await this.#pause(Math.min(drainPollMs, leftMs()))
    }
    const inFlightAtEnd = messaging.busy
    return {
      complete: inFlightAtEnd === 0,
      durationMs: scheduler.nowMs() - startedMs,
      inFlightAtStart,
      inFlightAtEnd,
    }
  }

  /** Over, or the node is closed. */
  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#layers.scheduler.after(ms, resolve)
    await Promise.race([promise, this.closed])
    timer.cancel()
  }

  /** The node ends for this reason and says goodbye to nobody. */
  fail(error: NodosumError): void {
    const { logger } = this.#layers
    logger.error({ event: 'node.failed', error_code: error.code, err: error }, error.message)
    void this.#close({ kind: 'failed', error })
  }

  #sessionCount(): number {
    return [...this.#layers.sessions.sessions()].length
  }

  #tell(listener: (message: Undelivered) => void, message: Undelivered): void {
    try {
      listener(message)
    } catch (error) {
      const code = isNodosumError(error) ? error.code : undefined
      const fields = { event: 'task.failed', task: 'undelivered', error_code: code, err: error }
      this.#layers.logger.error(fields, 'a listener for undelivered messages failed')
    }
  }
}

function closed(): NodosumError {
  return new NodosumError('ERR_NODOSUM_SHUT_DOWN', 'this node is closed')
}

function messagingFacts({ messaging }: Layers): MessagingFacts {
  const { sheds, heldBytes, maxBytes } = messaging.memory
  const applications = Object.entries(messaging.snapshot()).map(([id, application]) => ({
    id,
    burn: application.errorBudget.burn,
    openPeers: application.breakers
      .filter(({ state }) => state !== 'closed')
      .map(({ peer }) => peer),
  }))
  return { sheds, heldBytes, maxBytes, applications }
}

function discoveryFacts({ discovery, formation }: Layers): DiscoveryFacts {
  const { last } = discovery
  return {
    detail: last?.detail ?? null,
    isInTrouble: isTrouble(last?.reason ?? null),
    mayBeAlone: formation.alone || formation.expect === 1,
  }
}
