import { TokenBucket } from '@nodosum/kernel'
import type { PacketAddress } from '../core/effects.ts'
import type { PacketRefusal } from '../ports.ts'

/** So many sources of packets that did not open are remembered; the oldest goes first. */
const sourcesMax = 8

/** A source that goes on is named again after this long. */
const warnAgainMs = 600_000

/** Warnings about all sources together: whoever makes up addresses does not fill the log. */
const warnings = { burst: 4, ratePerSecond: 0.1 }

/** So many sources are named together when a node says why it is alone. */
const namedMax = 3

interface Source {
  readonly reason: PacketRefusal
  readonly warnedMs: number
}

/**
 * Packets that did not open. A wrong gossip key and a wrong cluster name show nowhere else: nobody
 * answers what does not open.
 */
export class RefusedPackets {
  readonly #cluster: string
  readonly #sources = new Map<string, Source>()
  readonly #bucket: TokenBucket
  #problem: string | null = null
  /** Sources with that problem, the last one first. */
  #named: readonly string[] = []

  constructor(options: { cluster: string; nowMs: number }) {
    this.#cluster = options.cluster
    this.#bucket = new TokenBucket({ ...warnings, nowMs: options.nowMs })
  }

  /** The last thing that such packets said about this node's configuration; null for nothing. */
  get last(): string | null {
    return this.#problem === null ? null : `packets from ${this.#named.join(', ')} ${this.#problem}`
  }

  /** What to warn of, or null: once for each source, as long as it is remembered. */
  refused(nowMs: number, from: PacketAddress, reason: PacketRefusal | null): string | null {
    const problem = reason === null ? null : this.#meaning(reason)
    if (reason === null || problem === null) return null
    const where = from.host.includes(':') ? `[${from.host}]` : from.host
    const source = `${where}:${from.port}`
    const others = this.#problem === problem ? this.#named.filter((one) => one !== source) : []
    this.#named = [source, ...others].slice(0, namedMax)
    this.#problem = problem
    const known = this.#sources.get(source)
    if (known?.reason === reason && nowMs - known.warnedMs < warnAgainMs) return null
    if (!this.#bucket.tryTake(nowMs)) return null
    this.#sources.delete(source)
    this.#sources.set(source, { reason, warnedMs: nowMs })
    const [oldest] = this.#sources.keys()
    if (this.#sources.size > sourcesMax && oldest !== undefined) this.#sources.delete(oldest)
    return `packets from ${source} ${problem}`
  }

  /** Repetitions, echoes and scraps say nothing about keys. */
  #meaning(reason: PacketRefusal): string | null {
    switch (reason) {
      case 'unknownKey':
        return "do not open with this node's gossip keys: compare gossipKeys"
      case 'forged':
        return (
          `are sealed with a gossip key of this node, but do not open as those of ` +
          `"${this.#cluster}": they belong to another cluster (compare cluster), or were changed`
        )
      case 'unknownVersion':
        return 'are no gossip of a version that this node knows'
      default:
        return null
    }
  }
}
