import type { BootId, NodeId } from '@nodosum/kernel'
import { inlineMetadataBytesMax } from '../wire/limits.ts'
import type { Coordinate } from '../wire/packet.ts'
import type { ProtocolRange, RecordStatement, StateStatement } from '../wire/statement.ts'
import { cutRun } from '../wire/statement-codec.ts'
import { bootTagOf, hashText, mix } from './hash.ts'
import { isGone, type Member, type MemberAddress, type MemberState } from './member.ts'
import { Metadata } from './metadata.ts'
import type { Flapping } from './quarantine.ts'
import type { Suspicion } from './suspicion.ts'

/** Before anything; a small number, since there are many entries. */
const longAgoMs = -1_000_000_000

/** What this node believes of one node. Only the member table changes what is hashed or indexed. */
export class Entry {
  readonly nodeId: NodeId
  /** Places it on the ring and in a bucket. */
  readonly hash: number
  bootId: BootId
  bootTag: number
  epoch: number
  counter: number
  state: MemberState
  protocol: ProtocolRange
  addresses: readonly MemberAddress[]
  metadata: Metadata
  extension: Uint8Array
  /** When its state began here. */
  sinceMs = 0
  suspicion: Suspicion | null = null
  /** Whether a probe of it is under way. */
  isProbed = false
  /** When a connection last brought something of it. */
  linkActiveMs: number = longAgoMs
  /** When it was last told that it is believed to be gone. */
  toldMs: number = longAgoMs
  /** When it was first told so, since it is; null before. */
  toldFirstMs: number | null = null
  /** Whether it goes on without denying what it was told: it speaks and does not hear. */
  isDeaf = false
  coordinate: Coordinate | null = null
  /** How restless it was; null while it never was. */
  flapping: Flapping | null = null
  /** Until when it is held back; 0 when it is not. */
  heldUntilMs = 0
  /** Its places in the table's lists, or -1. */
  presentAt = -1
  failedAt = -1
  #member: Member | null = null

  constructor(record: RecordStatement) {
    this.nodeId = record.nodeId
    this.hash = hashText(record.nodeId)
    this.bootId = record.bootId
    this.bootTag = bootTagOf(record.bootId)
    this.epoch = record.epoch
    this.counter = record.counter
    this.state = record.state
    this.protocol = record.protocol
    this.addresses = record.addresses
    this.metadata = Metadata.empty.merged(record.metadata)
    this.extension = record.extension
  }

  /** What users see: a member that is held back shows as failed. */
  get shownState(): MemberState {
    return this.heldUntilMs > 0 && !isGone(this.state) ? 'failed' : this.state
  }

  get member(): Member {
    this.#member ??= {
      nodeId: this.nodeId,
      bootId: this.bootId,
      incarnation: { epoch: this.epoch, counter: this.counter },
      addresses: this.addresses,
      state: this.shownState,
      tags: this.metadata.tags,
      applications: this.metadata.applications,
    }
    return this.#member
  }

  get record(): RecordStatement {
    return {
      kind: 'record',
      nodeId: this.nodeId,
      bootId: this.bootId,
      epoch: this.epoch,
      counter: this.counter,
      state: this.state,
      protocol: this.protocol,
      addresses: this.addresses,
      metadataVersion: this.metadata.version,
      metadata: cutRun(this.metadata.after(0), inlineMetadataBytesMax),
      extension: this.extension,
    }
  }

  get stateStatement(): StateStatement {
    return {
      kind: 'state',
      nodeId: this.nodeId,
      bootTag: this.bootTag,
      epoch: this.epoch,
      counter: this.counter,
      state: this.state,
      metadataVersion: this.metadata.version,
      accusers: this.suspicion?.accusers ?? [],
      isDeaf: this.state === 'failed' && this.isDeaf,
    }
  }

  /** To be called after a change, so that nothing outdated is handed out. */
  changed(): void {
    this.#member = null
  }

  /** What the digest holds for it; who only suspects has the same as who does not. */
  digestHash(): number {
    const standing = mix(this.hash ^ this.bootTag) ^ mix(this.epoch * 31 + 7)
    const draining = this.state === 'draining' ? 0x5bd1e995 : 0
    return mix(mix(standing + this.counter) ^ mix(this.metadata.version + 0x9e37) ^ draining)
  }
}
