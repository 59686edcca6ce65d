import type { NodeId } from '@nodosum/kernel'
import type { Statement } from '../wire/statement.ts'
import type { PacketAddress } from './effects.ts'
import type { Entry } from './entry.ts'

/** Most statements that one packet makes this node answer with. */
const answersMax = 128

/** Where statements come from, and what its sender gets back for them. */
export class Source {
  readonly nodeId: NodeId
  readonly bootTag: number
  /** What is known of the sender; undefined also when that is about another boot of it. */
  entry: Entry | undefined
  /** Whether this is anti-entropy: what is learned from it needs no telling. */
  readonly isRepair: boolean
  /** Whether it was told that it must not take part. */
  isRefused = false
  readonly answers: Statement[] = []

  readonly #from: PacketAddress
  readonly #version: number

  constructor(options: {
    address: PacketAddress
    version: number
    nodeId: NodeId
    bootTag: number
    entry: Entry | undefined
    isRepair: boolean
  }) {
    this.#from = options.address
    this.#version = options.version
    this.nodeId = options.nodeId
    this.bootTag = options.bootTag
    this.entry = options.entry
    this.isRepair = options.isRepair
  }

  /** Where answers go. */
  get address(): PacketAddress & { readonly version: number; readonly isStranger: boolean } {
    const { host, port } = this.#from
    return { host, port, version: this.#version, isStranger: this.entry === undefined }
  }

  isSubject(nodeId: NodeId, bootTag: number): boolean {
    return nodeId === this.nodeId && bootTag === this.bootTag
  }

  answer(statement: Statement): void {
    if (this.answers.length < answersMax) this.answers.push(statement)
  }

  /** Asks for a record, or for metadata after a version. */
  ask(nodeId: NodeId, metadataAfter: number | null): void {
    this.answer({ kind: 'need', nodeId, metadataAfter })
  }
}
