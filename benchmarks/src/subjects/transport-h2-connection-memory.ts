/** What a connection of the HTTP/2 transport costs at each end, idle, with many to one node. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Connection } from '@nodosum/transport'
import { at, startH2 } from '../h2-node.ts'
import type { Subject } from '../subject.ts'

const dialsInFlight = 16

/** Resident memory without garbage, in KiB. */
function memoryKiB(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage.rss() / 1024
}

export const subject: Subject = {
  async receive(directory) {
    const transport = await startH2(directory, 'receiver')
    const { address } = await transport.listen((connection) => {
      // Whoever opens a stream asks for the memory of this process.
      connection.onStream = (stream) => {
        stream.onData = () => {
          stream.write(Buffer.from(String(memoryKiB())))
          stream.end()
        }
      }
    })
    return { address: address.port, expect: () => undefined, close: () => transport.close() }
  },

  async send(directory, port) {
    const transport = await startH2(directory, 'sender')
    const asking = await transport.connect(at(port))
    // Memory that was used once is not given back: all rounds compare with the first moment.
    const before = { far: await memoryOf(asking), near: memoryKiB() }
    return {
      async run({ count }) {
        const startedNs = process.hrtime.bigint()
        const connections: Connection[] = []
        let dials = 0
        const dial = async (): Promise<void> => {
          while (dials < count) {
            dials += 1
            connections.push(await transport.connect(at(port)))
          }
        }
        await Promise.all(Array.from({ length: dialsInFlight }, dial))
        const endedNs = process.hrtime.bigint()
        const value = ((await memoryOf(asking)) - before.far) / count
        const dialerKiB = (memoryKiB() - before.near) / count
        await Promise.all(connections.map((connection) => connection.close()))
        const openedInMs = Number(endedNs - startedNs) / 1e6
        const more = { dialerKiB, openedInMs }
        return { startedNs, endedNs, latenciesUs: [], value, more }
      },
      close: () => transport.close(),
    }
  },
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
