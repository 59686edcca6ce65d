/** A process of its own for tests that kill, starve or outlive it: argv is mode and directory. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startNode } from './harness.ts'

const [mode, directory] = process.argv.slice(2) as [string, string]
const node = await startNode({
  credentials: JSON.parse(readFileSync(join(directory, 'credentials.json'), 'utf8')),
  options: JSON.parse(process.env.QUIC_OPTIONS ?? '{}'),
})
await node.transport.listen((connection) => {
  if (mode === 'write-forever') {
    const stream = connection.openStream()
    const pump = (): void => {
      while (stream.write(Buffer.alloc(50_000)));
    }
    stream.onWritable = pump
    pump()
    return
  }
  connection.onStream = (stream) => {
    stream.onData = (chunk) => stream.write(chunk)
    stream.onEnd = () => stream.end()
  }
})
process.on('message', () => {
  void node.close().then(() => process.disconnect())
})
process.send?.({ port: node.address.port })
