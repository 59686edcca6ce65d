/** The same work over any transport: what its connections and streams cost. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Connection, HostPort, Transport } from '@nodosum/transport'
import { receiveMessages, sendMessages } from './messages.ts'
import { manyRequests, type Subject } from './subject.ts'

/** One end of a pair. */
export interface StartedTransport {
  readonly transport: Transport
  close(): Promise<void>
}

/** @param nodeId `receiver` or `sender` */
export type StartTransport = (directory: string, nodeId: string) => Promise<StartedTransport>

const dialsInFlight = 16

/** One byte stream, messages framed by hand. */
export function onewayOver(start: StartTransport): Subject {
  return {
    receive: (directory) =>
      receiveMessages(async (onLane) => {
        const { transport, close } = await start(directory, 'receiver')
        const { address } = await transport.listen((connection) => {
          connection.onStream = onLane
        })
        return { port: address.port, close }
      }),

    async send(directory, port) {
      const { transport, close } = await start(directory, 'sender')
      const connection = await transport.connect(at(port))
      return sendMessages(connection.openStream(), close)
    },
  }
}

/** Connections: dialed, authenticated by both ends, and closed. */
export function connectionsOver(start: StartTransport): Subject {
  return {
    async receive(directory) {
      const { transport, close } = await start(directory, 'receiver')
      const { address } = await transport.listen(() => undefined)
      return { address: address.port, expect: () => undefined, close }
    },

    async send(directory, port) {
      const { transport, close } = await start(directory, 'sender')
      return {
        async run(work) {
          if (work.kind !== 'request') throw new Error('connections are dialed one by one')
          return manyRequests(work, async () => {
            const connection = await transport.connect(at(port))
            await connection.close()
          })
        },
        close,
      }
    },
  }
}

/** Streams of one connection: opened, some bytes there and back, ended by both ends. */
export function streamsOver(start: StartTransport): Subject {
  return {
    async receive(directory) {
      const { transport, close } = await start(directory, 'receiver')
      const { address } = await transport.listen((connection) => {
        connection.onStream = (stream) => {
          stream.onData = (chunk) => stream.write(chunk)
          stream.onEnd = () => stream.end()
        }
      })
      return { address: address.port, expect: () => undefined, close }
    },

    async send(directory, port) {
      const { transport, close } = await start(directory, 'sender')
      const connection = await transport.connect(at(port))
      return {
        async run(work) {
          if (work.kind !== 'request') throw new Error('streams are opened one by one')
          const body = new Uint8Array(work.bytes).fill(1)
          return manyRequests(work, () => oneStream(connection, body))
        },
        close,
      }
    },
  }
}

/** What a connection costs at each end, idle, with many to one node. */
export function connectionMemoryOver(start: StartTransport): Subject {
  return {
    async receive(directory) {
      const { transport, close } = await start(directory, 'receiver')
      const { address } = await transport.listen((connection) => {
        // Whoever opens a stream asks for the memory of this process.
        connection.onStream = (stream) => {
          stream.onData = () => {
            stream.write(Buffer.from(String(memoryKiB())))
            stream.end()
          }
        }
      })
      return { address: address.port, expect: () => undefined, close }
    },

    async send(directory, port) {
      const { transport, close } = await start(directory, 'sender')
      const asking = await transport.connect(at(port))
      // Memory that was used once is not given back: all rounds compare with the first moment.
      const before = { far: await memoryOf(asking), near: memoryKiB() }
      return {
        async run({ count }) {
          const startedNs = process.hrtime.bigint()
          const connections = await dialMany(transport, at(port), count)
          const endedNs = process.hrtime.bigint()
          const value = ((await memoryOf(asking)) - before.far) / count
          const dialerKiB = (memoryKiB() - before.near) / count
          await Promise.all(connections.map((connection) => connection.close()))
          const openedInMs = Number(endedNs - startedNs) / 1e6
          const more = { dialerKiB, openedInMs }
          return { startedNs, endedNs, latenciesUs: [], value, more }
        },
        close,
      }
    },
  }
}

/** Where the receiver of a pair listens. */
export function at(port: unknown): HostPort {
  return { host: '127.0.0.1', port: Number(port) }
}

async function dialMany(
  transport: Transport,
  remote: HostPort,
  count: number,
): Promise<Connection[]> {
  const connections: Connection[] = []
  let dials = 0
  const dial = async (): Promise<void> => {
    while (dials < count) {
      dials += 1
      connections.push(await transport.connect(remote))
    }
  }
  await Promise.all(Array.from({ length: dialsInFlight }, dial))
  return connections
}

function oneStream(connection: Connection, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = connection.openStream()
    let left = body.length
    stream.onData = (chunk) => {
      left -= chunk.length
    }
    stream.onReset = (code) => reject(new Error(`a stream was reset with ${code}`))
    stream.onEnd = () => (left === 0 ? resolve() : reject(new Error(`${left} bytes are missing`)))
    stream.write(body)
    stream.end()
  })
}

/** Resident memory without garbage, in KiB. */
function memoryKiB(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage.rss() / 1024
}

function memoryOf(connection: Connection): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = connection.openStream()
    let text = ''
    stream.onData = (chunk) => {
      text += Buffer.from(chunk).toString()
    }
    stream.onReset = (code) => reject(new Error(`the question was reset with ${code}`))
    stream.onEnd = () => resolve(Number(text))
    stream.write(Uint8Array.of(1))
    stream.end()
  })
}
