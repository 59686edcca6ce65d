/** Announces a node in the directory named on the command line, and lives until it is killed. */
import { newBootId, parseNodeId } from '@nodosum/kernel'
import { systemRandom } from '@nodosum/kernel/node'
import { developmentDirectoryDiscovery } from '../../src/index.ts'

const [, , directory = '', name] = process.argv
await developmentDirectoryDiscovery({ directory }).announce?.({
  nodeId: parseNodeId(name),
  bootId: newBootId(systemRandom()),
  address: { host: '127.0.0.1', port: 7_000 },
})
process.stdout.write('announced\n')
setInterval(() => {}, 60_000)
