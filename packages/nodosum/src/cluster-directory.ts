import type { ApplicationId, NodeId } from '@nodosum/kernel'
import type { Directory } from '@nodosum/messaging'
import type { Member } from './api.ts'
import { isInternal } from './internal-applications.ts'

/** The membership view as messaging asks for it, computed once for each view. */
export class ClusterDirectory implements Directory {
  readonly self: NodeId
  readonly #members: () => readonly Member[]
  readonly #isRefused: (node: NodeId) => boolean
  readonly #announce: (applications: readonly ApplicationId[]) => void
  readonly #rttMs: (node: NodeId) => number | undefined
  #candidates = new Map<string, readonly NodeId[]>()
  #present: Set<string> | null = null
  #tags: Map<string, Readonly<Record<string, string>>> | null = null
  readonly #vouched = new Map<NodeId, number>()

  constructor(options: {
    self: NodeId
    members: () => readonly Member[]
    /** Members that nothing can be sent to, because this node does not trust them. */
    isRefused: (node: NodeId) => boolean
    announce: (applications: readonly ApplicationId[]) => void
    /** The estimated round trip to a member. */
    rttMs: (node: NodeId) => number | undefined
  }) {
    this.self = options.self
    this.#members = options.members
    this.#isRefused = options.isRefused
    this.#announce = options.announce
    this.#rttMs = options.rttMs
  }

  /** The view has changed, or who is trusted. */
  changed(): void {
    this.#candidates = new Map()
    this.#present = null
    this.#tags = null
  }

  candidates(application: ApplicationId): readonly NodeId[] {
    let found = this.#candidates.get(application)
    if (found === undefined) {
      found = this.#members()
        .filter(({ state }) => state === 'alive' || state === 'suspect')
        .filter(({ applications }) => applications.includes(application))
        .map(({ nodeId }) => nodeId as NodeId)
        .filter((nodeId) => !this.#isRefused(nodeId))
        .sort()
      // Bounded by the applications that this node asks for, which messaging bounds.
      this.#candidates.set(application, found)
    }
    return found
  }

  isPresent(node: NodeId): boolean {
    this.#present ??= new Set(
      this.#members()
        .filter(({ state }) => state !== 'failed' && state !== 'left')
        .map(({ nodeId }) => nodeId),
    )
    return node === this.self || this.#present.has(node) || this.#vouched.has(node)
  }

  tags(node: NodeId): Readonly<Record<string, string>> | undefined {
    this.#tags ??= new Map(this.#members().map(({ nodeId, tags }) => [nodeId, tags]))
    return this.#tags.get(node)
  }

  /** Whatever membership thinks of this peer, it may be spoken to until the release is called. */
  vouch(peer: NodeId): () => void {
    this.#vouched.set(peer, (this.#vouched.get(peer) ?? 0) + 1)
    return () => {
      const left = (this.#vouched.get(peer) ?? 1) - 1
      if (left > 0) this.#vouched.set(peer, left)
      else this.#vouched.delete(peer)
    }
  }

  rttMs(node: NodeId): number | undefined {
    return node === this.self ? 0 : this.#rttMs(node)
  }

  announce(applications: readonly ApplicationId[]): void {
    this.#announce(applications.filter((id) => !isInternal(id)))
    this.changed()
  }
}
