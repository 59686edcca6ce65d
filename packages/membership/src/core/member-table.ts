import { BoundedMap, type NodeId } from '@nodosum/kernel'
import type { Member } from './member.ts'

interface Entry {
  member: Member
  /** When its state began here, in this node's monotonic milliseconds. */
  sinceMs: number
}

/** What this node believes of the others, itself not included. */
export class MemberTable {
  readonly #entries: BoundedMap<NodeId, Entry>

  constructor(membersMax: number) {
    this.#entries = new BoundedMap(membersMax)
  }

  get(nodeId: NodeId): Member | undefined {
    return this.#entries.get(nodeId)?.member
  }

  sinceMs(nodeId: NodeId): number {
    return this.#entries.get(nodeId)?.sinceMs ?? 0
  }

  /** False when the table is full of living members. */
  put(member: Member, nowMs: number): boolean {
    const before = this.#entries.get(member.nodeId)
    const sinceMs = before?.member.state === member.state ? before.sinceMs : nowMs
    const entry = { member, sinceMs }
    if (this.#entries.set(member.nodeId, entry)) return true
    return this.#dropLongestGone() && this.#entries.set(member.nodeId, entry)
  }

  all(): Member[] {
    return [...this.#entries.values()].map(({ member }) => member)
  }

  /** Members that are worth a packet: not failed and not left. */
  present(): Member[] {
    return this.all().filter(({ state }) => state !== 'failed' && state !== 'left')
  }

  failed(): Member[] {
    return this.all().filter(({ state }) => state === 'failed')
  }

  /** Forgets who has been gone for longer than `rememberMs`. */
  forget(nowMs: number, rememberMs: number): void {
    for (const [nodeId, { member, sinceMs }] of this.#entries) {
      const gone = member.state === 'failed' || member.state === 'left'
      if (gone && nowMs - sinceMs > rememberMs) this.#entries.delete(nodeId)
    }
  }

  #dropLongestGone(): boolean {
    let oldest: { nodeId: NodeId; sinceMs: number } | null = null
    for (const [nodeId, { member, sinceMs }] of this.#entries) {
      if (member.state !== 'failed' && member.state !== 'left') continue
      if (oldest === null || sinceMs < oldest.sinceMs) oldest = { nodeId, sinceMs }
    }
    return oldest !== null && this.#entries.delete(oldest.nodeId)
  }
}
