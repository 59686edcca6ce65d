/** Sees every datagram of this process, below the product: import it before anything opens a socket. */
import dgram, { type Socket } from 'node:dgram'
import { syncBuiltinESMExports } from 'node:module'

/** What was sent from here to one port. */
export interface Wiretap {
  /** The sockets that were opened, the oldest first. */
  readonly sockets: readonly Socket[]
  /** Copies of what was sent to the port, each different one once; at most `recordedMax`. */
  recordTo(port: number): () => readonly Buffer[]
}

const recordedMax = 4_096
const createSocket: typeof dgram.createSocket = dgram.createSocket

export function openWiretap(): Wiretap {
  const sockets: Socket[] = []
  let listener: ((bytes: Uint8Array, port: number) => void) | null = null
  const tapped = (...given: Parameters<typeof createSocket>): Socket => {
    const socket = createSocket(...given)
    const send = socket.send.bind(socket) as (...all: unknown[]) => void
    const recording = (bytes: Uint8Array, port: number, ...rest: unknown[]): void => {
      listener?.(bytes, port)
      send(bytes, port, ...rest)
    }
    socket.send = recording as unknown as typeof socket.send
    sockets.push(socket)
    return socket
  }
  dgram.createSocket = tapped as typeof createSocket
  syncBuiltinESMExports()
  return {
    sockets,
    recordTo: (wanted) => {
      const recorded: Buffer[] = []
      listener = (bytes, port) => {
        if (port === wanted && recorded.length < recordedMax) recorded.push(Buffer.from(bytes))
      }
      return () => {
        listener = null
        return recorded
      }
    },
  }
}

/** As it was before the wiretap: sockets of its own, which nobody records. */
export const plainSocket: typeof createSocket = createSocket
