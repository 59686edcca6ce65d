import type { NodeId } from '@nodosum/kernel'
import type { ProtocolRange, Statement } from './statement.ts'

/** A point in the space of round trips; all numbers in milliseconds except `error`. */
export interface Coordinate {
  readonly position: readonly number[]
  /** What both directions of this node's own access add. */
  readonly height: number
  /** How far off the estimates are, relatively; 1.5 knows nothing. */
  readonly error: number
}

/** A hash that stands for a view: equal views have equal hashes. */
export type Root = number

/** Why a node does not take part. */
export type RefusalCode = 'version' | 'admission' | 'full'

/** What a packet is for; statements may follow each of them. */
export type PacketBody =
  | { readonly kind: 'ping'; readonly probe: number; readonly target: string; readonly root: Root }
  | {
      readonly kind: 'ack'
      readonly probe: number
      readonly root: Root
      readonly coordinate: Coordinate | null
    }
  | { readonly kind: 'nack'; readonly probe: number }
  | {
      readonly kind: 'pingRequest'
      readonly probe: number
      readonly target: string
      readonly host: string
      readonly port: number
    }
  /** The target of a pingRequest has answered; said by the one who was asked. */
  | {
      readonly kind: 'indirectAck'
      readonly probe: number
      readonly target: string
      readonly bootTag: number
    }
  | { readonly kind: 'gossip' }
  | { readonly kind: 'join'; readonly protocol: ProtocolRange }
  | { readonly kind: 'welcome'; readonly protocol: ProtocolRange; readonly root: Root }
  | {
      readonly kind: 'refusal'
      readonly code: RefusalCode
      readonly protocol: ProtocolRange
      readonly reason: string
    }
  /** Anti-entropy, first step: one hash for each bucket of the sender's view. */
  | { readonly kind: 'digest'; readonly root: Root; readonly buckets: Uint32Array }
  /** Second step: all that the sender has in these of `bucketCount` buckets. */
  | {
      readonly kind: 'summary'
      readonly bucketCount: number
      readonly buckets: readonly number[]
    }
  /** Third step: what the other one lacks, and questions for what the sender lacks. */
  | { readonly kind: 'repair' }

export type PacketKind = PacketBody['kind']

export interface PacketHeader {
  readonly version: number
  /** Stands for the name of the cluster. */
  readonly clusterHigh: number
  readonly clusterLow: number
  readonly from: NodeId
  /** The first 32 bits of the sender's boot id. */
  readonly fromBootTag: number
  /** Whether the sender belongs to a cluster already. */
  readonly formed: boolean
}

export interface Packet {
  readonly header: PacketHeader
  readonly body: PacketBody
  readonly statements: readonly Statement[]
}

/** Why bytes are no packet. */
export interface PacketProblem {
  readonly problem: 'version' | 'malformed'
  /** The part that is wrong. */
  readonly where: string
}
