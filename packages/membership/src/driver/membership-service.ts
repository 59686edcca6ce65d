import {
  type BootId,
  type Logger,
  type NodeId,
  NodosumError,
  type Random,
  type Scheduler,
  Supervisor,
  type TimerHandle,
} from '@nodosum/kernel'
import type { Effect, Formation } from '../core/effects.ts'
import type { Member, MemberAddress, MemberChange } from '../core/member.ts'
import { MembershipCore } from '../core/membership-core.ts'
import type { MembershipOptions } from '../options.ts'
import type { Discovery, PacketPort, Seal } from '../ports.ts'

export interface MembershipServiceOptions {
  readonly cluster: string
  readonly nodeId: NodeId
  readonly bootId: BootId
  readonly addresses: readonly MemberAddress[]
  readonly tags: Readonly<Record<string, string>>
  readonly formation: Formation
  readonly packets: PacketPort
  readonly seal: Seal
  readonly discovery: Discovery
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
  readonly options: MembershipOptions
}

/** Runs the membership core on real packets and real time. */
export class MembershipService {
  /** Called once when another process has taken this node's id. */
  onConflict: ((error: NodosumError) => void) | null = null
  readonly #core: MembershipCore
  readonly #settings: MembershipServiceOptions
  readonly #supervisor: Supervisor
  readonly #listeners = new Set<(change: MemberChange) => void>()
  readonly #abort = new AbortController()
  #timer: TimerHandle | null = null
  #lookup: TimerHandle | null = null
  #formed: (() => void) | null = null
  #failed: ((error: NodosumError) => void) | null = null
  #detail = 'discovery was not asked yet'
  #closed = false
  /** Packets that did not open: strangers, other keys, repetitions. */
  #refusedPackets = 0

  constructor(settings: MembershipServiceOptions) {
    this.#settings = settings
    const { logger, scheduler } = settings
    this.#supervisor = new Supervisor({ logger, name: 'membership' })
    this.#core = new MembershipCore({ ...settings, nowMs: scheduler.nowMs() })
  }

  /**
   * Starts to listen and to look for others; resolves once this node belongs to a formed cluster.
   *
   * @throws `JOIN_TIMEOUT` after `timeoutMs`, `NODE_ID_CONFLICT`, `CANCELLED`. The caller closes.
   */
  async start(options: { timeoutMs: number; signal: AbortSignal | undefined }): Promise<void> {
    const { packets, seal, scheduler } = this.#settings
    packets.onPacket = this.#supervisor.guard('packet', (bytes, from) => {
      const opened = seal.open(bytes)
      if (opened === undefined) {
        this.#refusedPackets += 1
        return
      }
      this.#core.handlePacket(scheduler.nowMs(), from, opened)
      this.#perform()
    })
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

  get refusedPackets(): number {
    return this.#refusedPackets
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

  setApplications(applications: readonly string[]): void {
    this.#core.setApplications(applications)
    this.#perform()
  }

  drain(): void {
    this.#core.drain()
    this.#perform()
  }

  /** Says goodbye, so that the others know at once and do not suspect. */
  leave(): void {
    this.#core.leave()
    this.#perform()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    this.#lookup?.cancel()
    this.#settings.packets.onPacket = null
    this.#abort.abort()
    await this.#supervisor.close()
    this.#listeners.clear()
  }

  readonly #tick = (): void => {
    this.#timer = null
    // Node runs timers before it reads sockets: what waited there may clear who seems silent.
    this.#settings.scheduler.immediate(() => {
      if (this.#closed) return
      this.#core.tick(this.#settings.scheduler.nowMs())
      this.#perform()
    })
  }

  #perform(): void {
    if (this.#closed) return
    for (let effect = this.#core.poll(); effect !== undefined; effect = this.#core.poll()) {
      this.#one(effect)
    }
    this.#timer?.cancel()
    const { scheduler } = this.#settings
    const delayMs = Math.max(1, this.#core.nextDeadlineMs() - scheduler.nowMs())
    this.#timer = scheduler.after(delayMs, this.#tick)
  }

  #one(effect: Effect): void {
    const { packets, seal, logger } = this.#settings
    switch (effect.kind) {
      case 'send':
        return packets.send(seal.seal(effect.bytes), effect.to)
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
      default: {
        const { kind, member } = effect.change
        const level = kind === 'suspect' || kind === 'failed' ? 'warn' : 'info'
        const fields = { event: `member.${kind}`, peer_id: member.nodeId }
        logger[level](fields, `member ${member.nodeId}: ${kind}`)
        for (const listener of [...this.#listeners]) listener(effect.change)
      }
    }
  }

  /** Asks discovery while alone each `joinRetryMs`, later each `syncPeriodMs`, with jitter. */
  #look(): void {
    const { discovery, scheduler, random, options } = this.#settings
    this.#supervisor.run('discovery', async () => {
      try {
        const { addresses, detail } = await discovery.find(this.#abort.signal)
        this.#detail = detail
        if (this.#closed) return
        this.#core.join(random.shuffle([...addresses]).slice(0, 16))
        this.#perform()
      } catch (error) {
        if (this.#closed) return
        this.#detail = error instanceof Error ? error.message : String(error)
        throw error
      } finally {
        if (!this.#closed) {
          const alone = this.#core.members().length === 1 || !this.#core.self.formed
          const periodMs = alone ? options.joinRetryMs : options.syncPeriodMs
          const delayMs = periodMs * (0.5 + random.float())
          this.#lookup = scheduler.after(delayMs, () => this.#look())
        }
      }
    })
  }

  #late(options: { timeoutMs: number }): NodosumError {
    const { formation, nodeId } = this.#settings
    const seen = this.#core.members().map((member) => member.nodeId)
    const others = seen.filter((id) => id !== nodeId)
    const waits =
      formation.expect === null
        ? 'it waits for a formed cluster (neither join.expect nor join.alone is set)'
        : `it waits for ${formation.expect} founders`
    const found = others.length === 0 ? 'nobody answered' : `it sees ${others.join(', ')}`
    return new NodosumError(
      'ERR_NODOSUM_JOIN_TIMEOUT',
      `${nodeId} is in no cluster after ${options.timeoutMs} ms: ${found}; ${waits}; discovery: ${this.#detail}`,
      { details: { seen: others, discovery: this.#detail } },
    )
  }
}
