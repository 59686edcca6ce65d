import type { BootId, NodeId, NodosumError } from '@nodosum/kernel'

/** What a session needs of a byte stream of the transport. */
export interface ByteStream {
  readonly id: number
  write(chunk: Uint8Array): boolean
  readonly bufferedBytes: number
  onWritable: (() => void) | null
  onData: ((chunk: Uint8Array) => void) | null
  onEnd: (() => void) | null
  onReset: ((code: number) => void) | null
  pause(): void
  resume(): void
  end(): void
  reset(code: number): void
}

/** Why a connection ended. */
export interface ConnectionCloseReason {
  readonly code: number
  readonly reason: string
  readonly remote: boolean
  readonly error: NodosumError | null
}

/** What a session needs of an authenticated connection. */
export interface Connection {
  readonly kind: string
  readonly remote: { readonly host: string; readonly port: number }
  /** `nodeId` is null when the certificate names a role that replicas share. */
  readonly peer: { readonly nodeId: NodeId | null; readonly uri: string }
  openStream(): ByteStream
  onStream: ((stream: ByteStream) => void) | null
  onClosed: ((reason: ConnectionCloseReason) => void) | null
  close(reason?: { code?: number; reason?: string }): Promise<void>
}

/** Opens a connection to a member, or rejects with a coded error. */
export type Dial = (nodeId: NodeId, options: { signal: AbortSignal }) => Promise<Connection>

/**
 * Why a process must have no session with this node, or null. Asked before a dial, when the boot id
 * is not known yet, and at each HELLO of a dialer, who is told the code and the message.
 */
export type Refuses = (nodeId: NodeId, bootId: BootId | null) => NodosumError | null
