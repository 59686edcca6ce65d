import type { BootId, NodeId } from '@nodosum/kernel'
import type { MemberAddress, MemberState } from '../core/member.ts'

/** One tag or application of a member; later versions replace earlier ones of the same key. */
export interface MetadataEntry {
  readonly kind: 'tag' | 'application'
  readonly key: string
  /** Null once removed; empty for an application. */
  readonly value: string | null
  /** Rises with every change of any key of its member. */
  readonly version: number
}

/** A run of changes: everything after `from` up to `to`; from 0 it is all that there is. */
export interface MetadataRun {
  readonly from: number
  readonly to: number
  readonly entries: readonly MetadataEntry[]
}

/** The versions of the packets that a member speaks. */
export interface ProtocolRange {
  readonly min: number
  readonly max: number
}

/** All of a member, for those who do not know it. */
export interface RecordStatement {
  readonly kind: 'record'
  readonly nodeId: NodeId
  readonly bootId: BootId
  readonly epoch: number
  readonly counter: number
  readonly state: MemberState
  readonly protocol: ProtocolRange
  readonly addresses: readonly MemberAddress[]
  /** The version that the member is at; its metadata may reach less far. */
  readonly metadataVersion: number
  readonly metadata: MetadataRun
  /** Passed on as it is: room for what later versions say, such as a signature. */
  readonly extension: Uint8Array
}

/** What is believed of a member whose record is known. */
export interface StateStatement {
  readonly kind: 'state'
  readonly nodeId: NodeId
  /** The first 32 bits of the boot id: whom of that name it is about. */
  readonly bootTag: number
  readonly epoch: number
  readonly counter: number
  readonly state: MemberState
  readonly metadataVersion: number
  /** Who suspects, by the hash of their ids; empty in other states. */
  readonly accusers: readonly number[]
  /** Of a failed one: whether it speaks all the same, and does not hear what it is told. */
  readonly isDeaf: boolean
}

/** A change of tags or applications. */
export interface MetadataStatement extends MetadataRun {
  readonly kind: 'metadata'
  readonly nodeId: NodeId
  readonly bootTag: number
}

/** An application's news for everybody. */
export interface EventStatement {
  readonly kind: 'event'
  readonly nodeId: NodeId
  readonly bootTag: number
  /** Counts the events of this boot of the node, from 1 on. */
  readonly sequence: number
  readonly name: string
  readonly payload: Uint8Array
}

/** Asks the receiver for what it knows of a member: all of it, or its metadata after a version. */
export interface NeedStatement {
  readonly kind: 'need'
  readonly nodeId: NodeId
  /** Null asks for the record. */
  readonly metadataAfter: number | null
}

export type Statement =
  | RecordStatement
  | StateStatement
  | MetadataStatement
  | EventStatement
  | NeedStatement
