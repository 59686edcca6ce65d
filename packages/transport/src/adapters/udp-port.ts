/** One UDP socket for everything: gossip and QUIC share it, told apart by the first byte. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIP } from 'node:net'
import { NodosumError } from '@nodosum/kernel'
import type { HostPort } from '../contract.ts'
import { datagramKind } from '../core/datagram-kind.ts'
import { listenFailed } from './listen-failed.ts'
import { systemDrops } from './system-drops.ts'

/** Counters of a port since it was bound; they only grow. */
export interface UdpPortStats {
  readonly receivedPackets: number
  readonly receivedBytes: number
  readonly sentPackets: number
  readonly sentBytes: number
  /** Datagrams the system refused to send; to the protocols above that is loss. */
  readonly sendErrors: number
  /** Datagrams nobody wanted: empty, of no known kind, or of a kind without a handler. */
  readonly ignoredPackets: number
  /**
   * Datagrams that the system dropped before anybody could see them, because the receive buffer was
   * full: the event loop came too late. Asks the system when it is read. Null where that does not tell
   * (it does on Linux), and after close.
   */
  readonly droppedBySystem: number | null
}

/** One bound UDP socket. */
export interface UdpPort {
  /** What the socket is bound to; the port is never 0. */
  readonly address: HostPort
  /**
   * Sends one datagram. Copies nothing: the bytes must not change until the system has them, and
   * they all have been taken when `sendsInFlight` is 0. Never throws; a refused datagram is
   * counted and otherwise like one that the network lost. At most 65,507 bytes.
   */
  send(bytes: Uint8Array, to: HostPort): void
  /** Datagrams handed to `send` whose bytes are still in use. */
  readonly sendsInFlight: number
  /**
   * Datagrams of QUIC, in the clear or sealed (`datagramKind` handshake, short, long); the buffer
   * belongs to the callee.
   */
  onQuic: ((bytes: Buffer, from: HostPort) => void) | null
  /** Packets of membership (`datagramKind` gossip); the buffer belongs to the callee. */
  onPacket: ((bytes: Uint8Array, from: HostPort) => void) | null
  stats(): UdpPortStats
  /** Resolves when the socket is gone; what was not yet sent is discarded. Idempotent. */
  close(): Promise<void>
}

/** How to bind a port. */
export interface UdpPortOptions {
  /** IP literal of a local address; `0.0.0.0` or `::` for all of them. */
  readonly host: string
  /** 0 to 65,535; 0 picks a free one. */
  readonly port: number
  /**
   * Bytes, default 4 MiB: enough for 3,000 full packets while the event loop is busy. The system
   * may grant less (Linux: net.core.rmem_max).
   */
  readonly receiveBufferBytes?: number
  /** Bytes, default 4 MiB (Linux caps it at net.core.wmem_max). */
  readonly sendBufferBytes?: number
}

const socketBufferBytesDefault = 4 * 1024 * 1024
const mappedPrefix = '::ffff:'

/**
 * Binds a UDP socket.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID for a host that is not an IP literal or a port out of range;
 *   ERR_NODOSUM_LISTEN_FAILED when the system refuses, with host, port, errno and the remedy
 */
export async function bindUdpPort(options: UdpPortOptions): Promise<UdpPort> {
  const { host, port } = options
  const family = isIP(host)
  if (family === 0) {
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `listen.host must be an IP address of this machine (or 0.0.0.0, ::), got ${JSON.stringify(host)}`,
    )
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `listen.port must be an integer from 0 to 65535, got ${String(port)}`,
    )
  }
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    // Without it every single send goes through the resolver, although the host is a literal.
    lookup: (hostname, _options, callback) => callback(null, hostname, family),
  })
  await bound(socket, host, port)
  growBuffer((bytes) => socket.setRecvBufferSize(bytes), options.receiveBufferBytes)
  growBuffer((bytes) => socket.setSendBufferSize(bytes), options.sendBufferBytes)
  return new BoundUdpPort(socket, host, family === 6)
}

/** Not `exclusive: false`: in a worker of node:cluster the primary would share one socket. */
function bound(socket: Socket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      socket.close()
      reject(listenFailed('UDP', { host, port }, error))
    }
    socket.once('error', failed)
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeListener('error', failed)
      resolve()
    })
  })
}

/** Systems that refuse a size (macOS) instead of capping it (Linux) get half, and so on. */
function growBuffer(set: (bytes: number) => void, wantedBytes = socketBufferBytesDefault): void {
  for (let bytes = wantedBytes; bytes >= 64 * 1024; bytes = Math.floor(bytes / 2)) {
    try {
      set(bytes)
      return
    } catch {
      // Less is worse for bursts, but not wrong.
    }
  }
}

class BoundUdpPort implements UdpPort {
  readonly address: HostPort
  onQuic: ((bytes: Buffer, from: HostPort) => void) | null = null
  onPacket: ((bytes: Uint8Array, from: HostPort) => void) | null = null
  sendsInFlight = 0
  readonly #socket: Socket
  readonly #v6: boolean
  #closing: Promise<void> | null = null
  #receivedPackets = 0
  #receivedBytes = 0
  #sentPackets = 0
  #sentBytes = 0
  #sendErrors = 0
  #ignoredPackets = 0

  constructor(socket: Socket, host: string, v6: boolean) {
    this.#socket = socket
    this.#v6 = v6
    this.address = { host, port: socket.address().port }
    socket.on('message', (bytes, from) => this.#receive(bytes, from))
    // A receive error (an ICMP answer on some systems) concerns one datagram, not the socket.
    socket.on('error', () => {
      this.#sendErrors += 1
    })
  }

  send(bytes: Uint8Array, to: HostPort): void {
    if (this.#closing !== null) return
    const host = this.#v6 && !to.host.includes(':') ? mappedPrefix + to.host : to.host
    this.sendsInFlight += 1
    try {
      this.#socket.send(bytes, to.port, host, this.#sent)
    } catch {
      this.sendsInFlight -= 1
      this.#sendErrors += 1
    }
  }

  stats(): UdpPortStats {
    const drops = (): number | null => (this.#closing === null ? systemDrops(this.address) : null)
    return {
      receivedPackets: this.#receivedPackets,
      receivedBytes: this.#receivedBytes,
      sentPackets: this.#sentPackets,
      sentBytes: this.#sentBytes,
      sendErrors: this.#sendErrors,
      ignoredPackets: this.#ignoredPackets,
      // Reads a file, which nobody wants who only looks at another figure.
      get droppedBySystem() {
        return drops()
      },
    }
  }

  close(): Promise<void> {
    this.onQuic = null
    this.onPacket = null
    this.#closing ??= new Promise((resolve) => this.#socket.close(() => resolve()))
    return this.#closing
  }

  /** One function for every datagram: a closure each would be garbage at 100,000 a second. */
  readonly #sent = (error: Error | null, bytes: number): void => {
    this.sendsInFlight -= 1
    if (error) {
      this.#sendErrors += 1
    } else {
      this.#sentPackets += 1
      this.#sentBytes += bytes
    }
  }

  #receive(bytes: Buffer, info: RemoteInfo): void {
    this.#receivedPackets += 1
    this.#receivedBytes += bytes.length
    const handle = this.#handlerOf(bytes[0])
    if (handle === null) {
      this.#ignoredPackets += 1
      return
    }
    const host = info.address.startsWith(mappedPrefix)
      ? info.address.slice(mappedPrefix.length)
      : info.address
    handle(bytes, { host, port: info.port })
  }

  #handlerOf(first: number | undefined): ((bytes: Buffer, from: HostPort) => void) | null {
    const kind = first === undefined ? 'none' : datagramKind(first)
    if (kind === 'none') return null
    return kind === 'gossip' ? this.onPacket : this.onQuic
  }
}
