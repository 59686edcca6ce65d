/** Streams of one HTTP/2 connection: opened, 128 bytes there and back, ended by both ends. */
import type { Connection } from '@nodosum/transport'
import { at, startH2 } from '../h2-node.ts'
import { manyRequests, type Subject } from '../subject.ts'

export const subject: Subject = {
  async receive(directory) {
    const transport = await startH2(directory, 'receiver')
    const { address } = await transport.listen((connection) => {
      connection.onStream = (stream) => {
        stream.onData = (chunk) => stream.write(chunk)
        stream.onEnd = () => stream.end()
      }
    })
    return { address: address.port, expect: () => undefined, close: () => transport.close() }
  },

  async send(directory, port) {
    const transport = await startH2(directory, 'sender')
    const connection = await transport.connect(at(port))
    return {
      async run(work) {
        if (work.kind !== 'request') throw new Error('streams are opened one by one')
        const body = new Uint8Array(work.bytes).fill(1)
        return manyRequests(work, () => oneStream(connection, body))
      },
      close: () => transport.close(),
    }
  },
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
