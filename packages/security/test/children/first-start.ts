/** Makes a development identity and gossip key when told to, and prints them. */
import { once } from 'node:events'
import { parseClusterName, parseNodeId } from '@nodosum/kernel'
import { developmentGossipKey, developmentIdentity } from '../../src/index.ts'

const [, , directory = '', name] = process.argv
const nodeId = parseNodeId(name)
process.stdout.write('\n')
await once(process.stdin, 'data')
process.stdin.destroy()
const wallMs = Date.now()
const cluster = parseClusterName('shop')
const [identity, gossipKey] = await Promise.all([
  developmentIdentity({ directory, cluster, nodeId, wallMs }),
  developmentGossipKey(directory),
])
process.stdout.write(JSON.stringify({ identity, gossipKey }))
