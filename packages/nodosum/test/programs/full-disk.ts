/**
 * A node whose data directory is a small file system of its own, which only this process sees: full,
 * then with room again, then read-only. Prints what the node says. To be started by `unshare` with
 * mounts of its own: `full-disk.ts <directory> <options as JSON>`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LogFields, type Logger, silentLogger } from '@nodosum/kernel'
import { createNode, type Node, type NodeOptions } from '../../src/index.ts'

const [, , directory = '', plan = '{}'] = process.argv
const mount = (...words: string[]): void => void execFileSync('mount', words)
const errors: LogFields[] = []
const logger: Logger = {
  ...silentLogger,
  error: (fields) => void errors.push(fields),
  child: () => logger,
}

async function start(): Promise<Node> {
  const node = await createNode({
    ...(JSON.parse(plan) as NodeOptions),
    dataDirectory: join(directory, 'data'),
    logger,
  })
  node.application('work').onRequest((payload) => payload)
  return node
}

/** Waits until the node says so of its membership; null when it does not. */
async function membershipIs(node: Node, status: string): Promise<string | null> {
  const untilMs = Date.now() + 15_000
  while (Date.now() < untilMs) {
    const check = node.health().checks.find(({ name }) => name === 'membership')
    if (check?.status === status) return check.detail
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return null
}

const loggedCodes = (): unknown[] => errors.splice(0).map(({ error_code }) => error_code)
const kept = join(directory, 'data', 'membership')

mount('-t', 'tmpfs', '-o', 'size=64k', 'none', directory)
try {
  writeFileSync(join(directory, 'filling'), new Uint8Array(1 << 20))
} catch {
  // Full now.
}
const first = await start()
const whenFull = await membershipIs(first, 'degraded')
const reply = await first.application('work').request(first.id, 'tea')
const isKeptWhenFull = existsSync(kept)
const codesWhenFull = loggedCodes()
rmSync(join(directory, 'filling'))
// Who leaves writes once more.
await first.close()
const isKeptWithRoom = existsSync(kept)

mount('-o', 'remount,ro', directory)
const second = await start()
const whenReadOnly = await membershipIs(second, 'degraded')
await second.close()
const codesWhenReadOnly = loggedCodes()
process.stdout.write(
  JSON.stringify({
    whenFull,
    reply,
    isKeptWhenFull,
    codesWhenFull,
    isKeptWithRoom,
    whenReadOnly,
    codesWhenReadOnly,
  }),
)
