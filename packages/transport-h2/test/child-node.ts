/** A process of its own for tests that kill, block or outlive it; its argument is a directory. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type NodeId, silentLogger } from '@nodosum/kernel'
import { systemScheduler } from '@nodosum/kernel/node'
import { createH2Transport } from '../src/create-h2-transport.ts'

const [directory] = process.argv.slice(2) as [string]
const transport = createH2Transport({
  host: '127.0.0.1',
  port: 0,
  credentials: JSON.parse(readFileSync(join(directory, 'credentials.json'), 'utf8')),
  verifyPeer: () => ({ nodeId: 'peer' as NodeId, uri: '', fingerprint: '', notAfterMs: 0 }),
  scheduler: systemScheduler(),
  logger: silentLogger,
  options: JSON.parse(process.env.H2_OPTIONS ?? '{}'),
})
const { address } = await transport.listen((connection) => {
  connection.onStream = (stream) => {
    stream.onData = (chunk) => stream.write(chunk)
    stream.onEnd = () => stream.end()
  }
})
process.on('message', () => {
  void transport.close().then(() => process.disconnect())
})
process.send?.({ port: address.port })
