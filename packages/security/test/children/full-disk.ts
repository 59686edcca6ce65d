/**
 * Fills a small file system of its own, which only this process sees, and changes a ring that is kept
 * there. Prints what became of it. To be started by `unshare`.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isNodosumError } from '@nodosum/kernel'
import { GossipKeyRing, generateGossipKey, KeptKeyRing, parseGossipKey } from '../../src/index.ts'

const [, , directory = ''] = process.argv
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', directory])
const path = join(directory, 'gossip-keys')
const key = (): ReturnType<typeof parseGossipKey> => parseGossipKey(generateGossipKey(), 'key')
const kept = new KeptKeyRing(new GossipKeyRing([key()]), path)
await kept.change((ring) => ring.installing(key()))
const before = readFileSync(path, 'latin1')
try {
  writeFileSync(join(directory, 'filling'), new Uint8Array(1 << 20))
} catch {
  // Full now.
}
const refused = await kept
  .change((ring) => ring.installing(key()))
  .catch((error: unknown) => (isNodosumError(error) ? error.code : String(error)))
const isUntouched = readFileSync(path, 'latin1') === before
const keysThen = kept.ring.list().length
rmSync(join(directory, 'filling'))
await kept.change((ring) => ring.installing(key()))
const isWrittenAgain = readFileSync(path, 'latin1') !== before
process.stdout.write(JSON.stringify({ refused, isUntouched, keysThen, isWrittenAgain }))
