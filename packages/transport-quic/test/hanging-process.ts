/** A node that stands still when it is told to: argv is the directory of its credentials. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startNode } from './harness.ts'

const [directory = ''] = process.argv.slice(2)
const node = await startNode({
  credentials: JSON.parse(readFileSync(join(directory, 'credentials.json'), 'utf8')),
  options: JSON.parse(process.env.QUIC_OPTIONS ?? '{}'),
})

process.on('message', (order: { readonly standStillMs?: number; readonly close?: true }) => {
  if (order.close === true) {
    void node.close().then(() => process.disconnect())
    return
  }
  const end = performance.now() + (order.standStillMs ?? 0)
  while (performance.now() < end) {
    // On purpose: nothing else of the main thread runs.
  }
  process.send?.('back')
})
process.send?.('ready')
