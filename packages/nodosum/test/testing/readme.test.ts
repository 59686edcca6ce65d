import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../..', import.meta.url))

it('the test of the README passes in the test runner of Node, and ends by itself', async () => {
  const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [program] = page
    .split('```ts snippet\n')
    .map((part) => part.split('```')[0] ?? '')
    .filter((code) => code.includes("from 'nodosum/testing'"))
  const flags = ['--conditions=nodosum-source', '--input-type=module-typescript', '-']
  const child = spawn(process.execPath, flags, { cwd: folder, timeout: 60_000 })
  child.stdin.end(program)
  const [printed, errors] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  expect(printed, errors).toMatch(/pass 1\n/)
  expect(child.exitCode, printed).toBe(0)
}, 90_000)
