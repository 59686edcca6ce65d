import {
  type BootId,
  type Logger,
  type NodeId,
  NodosumError,
  type Random,
  type Scheduler,
  Supervisor,
  type TimerHandle,
  unreachable,
} from '@nodosum/kernel'
import type { MembershipCounters } from '../core/counters.ts'
import type {
  Admission,
  Effect,
  Formation,
  MembershipView,
  PacketAddress,
  Refusal,
} from '../core/effects.ts'
import type { Member, MemberAddress, MemberChange } from '../core/member.ts'
import { MembershipCore } from '../core/membership-core.ts'
import type { UserEvent } from '../core/user-events.ts'
import type { MembershipOptions } from '../options.ts'
import type { Detour, Discovery, LoopDelay, PacketPort, Seal, SnapshotStore } from '../ports.ts'
import { Doubts, doubtful } from './doubts.ts'
import { joinSample } from './join-sample.ts'
import { joinTimeout } from './join-timeout.ts'
import { type DetourCounters, PacketPaths } from './packet-paths.ts'
import { joinRefused, keptOutError } from './refused-nodes.ts'
import { SnapshotWriter } from './snapshot-writer.ts'

export interface MembershipServiceOptions {
  readonly cluster: string
  readonly nodeId: NodeId
  readonly bootId: BootId
  readonly addresses: readonly MemberAddress[]
  readonly tags: Readonly<Record<string, string>>
  readonly formation: Formation
  readonly packets: PacketPort
  readonly seal: Seal
  /** The way around where UDP does not pass; without it there is none. */
  readonly detour?: Detour
  readonly discovery: Discovery
  /** Says why a member must not take part, or null; everybody may unless told. */
  readonly admit?: Admission
  /** Where the epoch is kept over restarts; without it a node learns it from the cluster. */
  readonly snapshots?: SnapshotStore
  /** How busy this process is; without it only late timers tell. */
  readonly loopDelay?: LoopDelay
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
  readonly options: MembershipOptions
}

/** Runs the membership core on real packets and real time. */
export class MembershipService {
  /** Called once when another process has taken this node's id. */
  onConflict: ((error: NodosumError) => void) | null = null
  /** Called with where a packet came from that was sealed with a key which this node has not. */
  onUnknownKey: ((from: PacketAddress) => void) | null = null
  readonly #core: MembershipCore
  readonly #settings: MembershipServiceOptions
  readonly #supervisor: Supervisor
  readonly #listeners = new Set<(change: MemberChange) => void>()
  readonly #viewListeners = new Set<(view: MembershipView) => void>()
  readonly #eventListeners = new Set<(event: UserEvent) => void>()
  readonly #snapshots: SnapshotWriter | null
  readonly #abort = new AbortController()
  #timer: TimerHandle | null = null
  #lookup: TimerHandle | null = null
  #formed: (() => void) | null = null
  #failed: ((error: NodosumError) => void) | null = null
  /** What discovery said last; null before it has said anything. */
  #detail: string | null = null
  #isAsking = false
  #closed = false
  readonly #paths: PacketPaths
  readonly #doubts = new Doubts()

  constructor(settings: MembershipServiceOptions) {
    this.#settings = settings
    const { logger, scheduler } = settings
    this.#supervisor = new Supervisor({ logger, name: 'membership' })
    this.#core = new MembershipCore({ ...settings, nowMs: scheduler.nowMs() })
    this.#paths = new PacketPaths({
      ...settings,
      detour: settings.detour ?? null,
      members: () => this.#core.members(),
      supervisor: this.#supervisor,
      received: (from, content) => {
        this.#core.handlePacket(this.#nowMs, from, content)
        this.#perform()
      },
      unknownKey: (from) => this.onUnknownKey?.(from),
    })
    const { snapshots: store } = settings
    const supervisor = this.#supervisor
    this.#snapshots = store ? new SnapshotWriter({ store, supervisor, scheduler, logger }) : null
  }

  /**
   * Starts to listen and to look for others; resolves once this node belongs to a formed cluster.
   *
   * @throws `JOIN_TIMEOUT` after `timeoutMs`, `NODE_ID_CONFLICT`, `JOIN_REFUSED` when a member
   *   does not admit this node, `VERSION_INCOMPATIBLE`, `CANCELLED`. The caller closes.
   */
  async start(options: { timeoutMs: number; signal: AbortSignal | undefined }): Promise<void> {
    const { scheduler } = this.#settings
    await this.#restore()
    this.#paths.start()
    const { signal } = options
    const joined = new Promise<void>((resolve, reject) => {
      this.#formed = resolve
      this.#failed = reject
    })
    const abort = (): void => {
      this.#failed?.(new NodosumError('ERR_NODOSUM_CANCELLED', 'joining was aborted'))
    }
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    const timer = scheduler.after(options.timeoutMs, () => this.#failed?.(this.#late(options)))
    this.#look()
    this.#perform()
    try {
      await joined
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
      this.#formed = null
      this.#failed = null
    }
  }

  /** Self first. */
  members(): readonly Member[] {
    return this.#core.members()
  }

  get failures(): number {
    return this.#supervisor.failures
  }

  /** A listener that throws is logged and counted; the others hear the change all the same. */
  onChange(listener: (change: MemberChange) => void): () => void {
    const guarded = this.#supervisor.guard('listener', listener)
    this.#listeners.add(guarded)
    return () => this.#listeners.delete(guarded)
  }

  /** Each published view: many changes at once show as one. */
  onView(listener: (view: MembershipView) => void): () => void {
    const guarded = this.#supervisor.guard('listener', listener)
    this.#viewListeners.add(guarded)
    return () => this.#viewListeners.delete(guarded)
  }

  /** News that a member's `emit` told everybody: in its order, each at most once. */
  onEvent(listener: (event: UserEvent) => void): () => void {
    const guarded = this.#supervisor.guard('listener', listener)
    this.#eventListeners.add(guarded)
    return () => this.#eventListeners.delete(guarded)
  }

  /** What the protocol has done so far. */
  get counters(): Readonly<MembershipCounters> {
    return this.#core.counters
  }

  /** Packets that went over connections, beside or instead of UDP. */
  get detours(): DetourCounters {
    return this.#paths.counters
  }

  /** Members with whom UDP does not pass, so that gossip goes over a connection. */
  get detoured(): readonly NodeId[] {
    return this.#paths.blocked
  }

  /** 0 is healthy; up to 7, each stretches probes, timeouts and suspicions by one. */
  get localHealth(): number {
    return this.#core.localHealth
  }

  /** Why others suspect this node again and again, in words; null when they do not. */
  get doubts(): string | null {
    return this.#doubts.goOn(this.#nowMs) ? doubtful(this.#core.self) : null
  }

  /** Why what should survive a restart is not on disk; null when it is, or nothing is kept. */
  get snapshotProblem(): NodosumError | null {
    return this.#snapshots?.problem ?? null
  }

  /**
   * Why there must be no connection with a process: `JOIN_REFUSED`, `VERSION_INCOMPATIBLE` or
   * `PEER_QUARANTINED`; null when there may. Who is only reached by a connection is not quarantined.
   *
   * @param bootId null for whichever process it is
   */
  refusalOf(nodeId: NodeId, bootId: BootId | null): NodosumError | null {
    const keptOut = this.#core.keptOut(nodeId, bootId)
    if (keptOut === null) return null
    const boot = bootId ?? this.#core.member(nodeId)?.bootId
    const needsIt = boot !== undefined && this.#paths.isBlocked(boot)
    return keptOut.code === 'quarantine' && needsIt ? null : keptOutError(nodeId, keptOut)
  }

  /** The estimated round trip to a member in milliseconds; undefined before one was measured. */
  rttMs(nodeId: NodeId): number | undefined {
    return this.#core.rttMs(nodeId)
  }

  /** Authenticated bytes of this member arrived on a connection: it lives. */
  linkActivity(nodeId: NodeId): void {
    this.#core.linkActivity(this.#nowMs, nodeId)
  }

  /**
   * Tells all members something, best effort: what is lost is lost.
   *
   * @param name 1 to 64 bytes
   * @param payload up to 512 bytes
   * @throws ERR_NODOSUM_MESSAGE_TOO_LARGE
   */
  emit(name: string, payload: Uint8Array): void {
    this.#core.emit(this.#nowMs, name, payload)
    this.#perform()
  }

  setTags(tags: Readonly<Record<string, string>>): void {
    this.#core.setTags(this.#nowMs, tags)
    this.#perform()
  }

  setApplications(applications: readonly string[]): void {
    this.#core.setApplications(this.#nowMs, applications)
    this.#perform()
  }

  drain(): void {
    this.#core.drain(this.#nowMs)
    this.#perform()
  }

  /** Says goodbye, so that the others know at once and do not suspect. */
  leave(): void {
    this.#core.leave(this.#nowMs)
    this.#perform()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    this.#lookup?.cancel()
    this.#snapshots?.close()
    this.#paths.close()
    this.#abort.abort()
    await this.#supervisor.close()
    this.#listeners.clear()
    this.#viewListeners.clear()
    this.#eventListeners.clear()
  }

  get #nowMs(): number {
    return this.#settings.scheduler.nowMs()
  }

  async #restore(): Promise<void> {
    const snapshot = (await this.#snapshots?.load()) ?? null
    if (snapshot !== null && !this.#closed) this.#core.restored(this.#nowMs, snapshot)
  }

  readonly #tick = (): void => {
    this.#timer = null
    // Node runs timers before it reads sockets: what waited there may clear who seems silent.
    this.#settings.scheduler.immediate(() => {
      if (this.#closed) return
      const delayMs = this.#settings.loopDelay?.takeMaxMs() ?? 0
      if (delayMs > 0) this.#core.loopDelayed(delayMs)
      this.#core.tick(this.#settings.scheduler.nowMs())
      this.#perform()
    })
  }

  #perform(): void {
    if (this.#closed) return
    for (let effect = this.#core.poll(); effect !== undefined; effect = this.#core.poll()) {
      this.#one(effect)
    }
    this.#warnOfDoubts()
    this.#timer?.cancel()
    const { scheduler } = this.#settings
    const deadlineMs = this.#core.nextDeadlineMs()
    // Nothing is due any more after this node has left.
    if (!Number.isFinite(deadlineMs)) return
    const delayMs = Math.max(1, deadlineMs - scheduler.nowMs())
    this.#timer = scheduler.after(delayMs, this.#tick)
  }

  #one(effect: Effect): void {
    const { logger } = this.#settings
    switch (effect.kind) {
      case 'send':
        return this.#paths.send(effect.bytes, effect.to)
      case 'formed':
        return this.#formed?.()
      case 'conflict': {
        const where = `${effect.address.host}:${effect.address.port}`
        const message = `another living process at ${where} uses the node id ${this.#settings.nodeId}`
        const error = new NodosumError('ERR_NODOSUM_NODE_ID_CONFLICT', message)
        if (this.#failed !== null) this.#failed(error)
        else this.onConflict?.(error)
        return
      }
      case 'refused':
        return this.#refused(effect.refusal)
      case 'change': {
        const { kind, member } = effect.change
        this.#paths.memberChanged(member)
        const level = kind === 'suspect' || kind === 'failed' ? 'warn' : 'info'
        const fields = { event: `member.${kind}`, peer_id: member.nodeId }
        logger[level](fields, `member ${member.nodeId}: ${kind}`)
        for (const listener of [...this.#listeners]) listener(effect.change)
        return
      }
      case 'view':
        for (const listener of [...this.#viewListeners]) listener(effect.view)
        return
      case 'event':
        for (const listener of [...this.#eventListeners]) listener(effect.event)
        return
      case 'persist':
        return this.#snapshots?.save(effect.snapshot)
      default:
        unreachable(effect)
    }
  }

  #refused(refusal: Refusal): void {
    const error = joinRefused(refusal)
    const fields = { event: 'join.refused', peer_id: refusal.from, code: refusal.code }
    this.#settings.logger.warn(fields, error.message)
    this.#detail = error.message
    if (refusal.code !== 'full') this.#failed?.(error)
  }

  #warnOfDoubts(): void {
    const { refutations } = this.#core.counters
    if (!this.#doubts.isWorthAWarning(this.#nowMs, refutations)) return
    const message = `others suspect this node again and again although it runs: ${doubtful(this.#core.self)}`
    this.#settings.logger.warn({ event: 'self.suspected', refutations }, message)
  }

  /** Asks discovery while alone each `joinRetryMs`, later each `syncPeriodMs`, with jitter. */
  #look(): void {
    const { discovery, scheduler, random, options } = this.#settings
    this.#supervisor.run('discovery', async () => {
      this.#isAsking = true
      try {
        const { addresses, detail } = await discovery.find(this.#abort.signal)
        this.#detail = detail
        if (this.#closed) return
        this.#core.join(this.#nowMs, joinSample(addresses, this.#core.members(), random))
        this.#perform()
      } catch (error) {
        if (this.#closed) return
        this.#detail = error instanceof Error ? error.message : String(error)
        throw error
      } finally {
        this.#isAsking = false
        if (!this.#closed) {
          const alone = this.#core.members().length === 1 || !this.#core.isFormed
          const periodMs = alone ? options.joinRetryMs : options.syncPeriodMs
          const delayMs = periodMs * (0.5 + random.float())
          this.#lookup = scheduler.after(delayMs, () => this.#look())
        }
      }
    })
  }

  #late({ timeoutMs }: { timeoutMs: number }): NodosumError {
    const { formation, nodeId } = this.#settings
    return joinTimeout({
      nodeId,
      timeoutMs,
      formation,
      seen: this.#core
        .members()
        .map((member) => member.nodeId)
        .filter((id) => id !== nodeId),
      detail: this.#detail,
      isAsking: this.#isAsking,
      tcpProblem: this.#paths.lastProblem,
      refusedPackets: this.#paths.refusals.last,
    })
  }
}
