/**
 * The shapes of the transport contract. They are those of `@nodosum/transport`, whose docstrings
 * hold; a layer imports no other layer, and TypeScript compares shapes.
 */
import type { AbortSignal, NodeId, NodosumError } from '@nodosum/kernel'

export interface HostPort {
  readonly host: string
  readonly port: number
}

export interface PeerIdentity {
  readonly nodeId: NodeId | null
  readonly uri: string
  readonly fingerprint: string
  readonly notAfterMs: number
}

export type VerifyPeer = (chainDer: readonly Uint8Array[]) => PeerIdentity

export interface TransportLimits {
  readonly connectionsMax: number
  readonly streamsMax: number
  readonly streamWindowBytes: number
  readonly streamBufferBytes: number
  readonly streamBufferBytesMax: number
  readonly idleTimeoutMs: number
  readonly keepAliveMs: number
  readonly connectTimeoutMs: number
  readonly closeTimeoutMs: number
}

export interface CloseReason {
  readonly code: number
  readonly reason: string
  readonly remote: boolean
  readonly error: NodosumError | null
}

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

export interface ConnectionStats {
  readonly rttMs: number
  readonly sentBytes: number
  readonly sentPackets: number
  readonly receivedBytes: number
  readonly lostPackets: number
  readonly congestionWindowBytes: number
  readonly bufferedBytes: number
  readonly streams: number
}

export interface Connection {
  readonly kind: 'simulated'
  readonly role: 'dialer' | 'acceptor'
  readonly local: HostPort
  readonly remote: HostPort
  readonly peer: PeerIdentity
  openStream(): ByteStream
  onStream: ((stream: ByteStream) => void) | null
  ping(options?: { readonly signal?: AbortSignal }): Promise<number>
  stats(): ConnectionStats
  close(reason?: { readonly code?: number; readonly reason?: string }): Promise<void>
  readonly closed: Promise<CloseReason>
  onClosed: ((reason: CloseReason) => void) | null
}

export interface Listener {
  readonly address: HostPort
  close(): Promise<void>
}

export interface ConnectOptions {
  readonly signal?: AbortSignal
  readonly expect?: NodeId
}

export interface ConnectionSnapshot {
  readonly role: 'dialer' | 'acceptor'
  readonly remote: HostPort
  readonly peer: PeerIdentity | null
  readonly state: 'handshaking' | 'open' | 'closing'
  readonly ageMs: number
  readonly stats: ConnectionStats
}

export interface TransportSnapshot {
  readonly kind: 'simulated'
  readonly listening: HostPort | null
  readonly connections: readonly ConnectionSnapshot[]
  readonly counters: Readonly<Record<string, number>>
}
