import type { Address } from './address.ts'

/** One UDP socket, as far as the proxy needs it. */
export interface DatagramSocket {
  readonly address: Address
  /** `sent` hears, later, whether the system took it. Never throws. */
  send(bytes: Uint8Array, to: Address, sent: (isTaken: boolean) => void): void
  close(): Promise<void>
}

/** Called with every datagram; the bytes belong to the callee. */
export type OnDatagram = (bytes: Uint8Array, from: Address) => void

/** Opens sockets. */
export interface DatagramSockets {
  /** @throws ERR_NODOSUM_LISTEN_FAILED when the system refuses the address */
  listen(at: Address, onDatagram: OnDatagram): Promise<DatagramSocket>
  /** A socket on a free port that talks to addresses like this one; usable at once. */
  open(toward: Address, onDatagram: OnDatagram): DatagramSocket
}

/** Where a lane of a TCP connection reads from. */
export interface ByteSource {
  pause(): unknown
  resume(): unknown
}

/** Where a lane of a TCP connection writes to. */
export interface ByteSink {
  readonly writableLength: number
  write(bytes: Uint8Array): boolean
  end(): unknown
}
