import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Address } from '../address.ts'
import type { DatagramSocket, DatagramSockets, OnDatagram } from '../ports.ts'
import { listenFailed } from './listen-failed.ts'

/** Asked of the system so that a burst waits instead of being lost before it is counted. */
const bufferBytes = 4 * 1_024 * 1_024

/** UDP sockets of the machine. */
export const systemDatagramSockets: DatagramSockets = {
  async listen(at, onDatagram) {
    const socket = newSocket(at)
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) => {
        socket.close()
        reject(listenFailed(at, error))
      })
      socket.bind({ address: at.host, port: at.port, exclusive: true }, resolve)
    })
    socket.removeAllListeners('error')
    growBuffers(socket)
    return new SystemDatagramSocket(socket, onDatagram, {
      host: at.host,
      port: socket.address().port,
    })
  },
  open(toward, onDatagram) {
    const socket = newSocket(toward)
    socket.bind({ port: 0, exclusive: true }, () => growBuffers(socket))
    return new SystemDatagramSocket(socket, onDatagram, { host: toward.host, port: 0 })
  },
}

function newSocket({ host }: Address): Socket {
  const family = isIPv6(host) ? 6 : 4
  return createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    // Without it every send goes through the resolver, although the host is a literal.
    lookup: (hostname, _options, callback) => callback(null, hostname, family),
  })
}

function growBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(bufferBytes)
    socket.setSendBufferSize(bufferBytes)
  } catch {
    // Where the system refuses instead of granting less, its own size has to do.
  }
}

class SystemDatagramSocket implements DatagramSocket {
  readonly address: Address
  readonly #socket: Socket
  #closed: Promise<void> | undefined

  constructor(socket: Socket, onDatagram: OnDatagram, address: Address) {
    this.address = address
    this.#socket = socket
    socket.on('message', (bytes, { address: host, port }) => onDatagram(bytes, { host, port }))
    // An ICMP answer concerns one datagram, which then counts as failed or vanished.
    socket.on('error', () => undefined)
  }

  send(bytes: Uint8Array, to: Address, sent: (isTaken: boolean) => void): void {
    try {
      this.#socket.send(bytes, to.port, to.host, (error) => sent(error === null))
    } catch {
      sent(false)
    }
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(() => resolve()))
    return this.#closed
  }
}
