import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { FileLogger } from '../src/file-logger.ts'

it('writes one object a line, with what its parents are bound to, and errors in full', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bazaar-log-'))
  const file = join(directory, 'a.log')
  const logger = new FileLogger(file, { node_id: 'a' })
  logger.info({ event: 'node.closed' }, 'closed')
  logger.debug()
  const child = logger.child({ peer_id: 'b' })
  child.warn({ count: 3n }, 'odd')
  child.error({ err: Object.assign(new Error('broken'), { code: 'E_BROKEN' }) }, 'failed')
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'info', msg: 'closed', node_id: 'a', event: 'node.closed' },
    { level: 'warn', msg: 'odd', node_id: 'a', peer_id: 'b', count: '3' },
    {
      level: 'error',
      msg: 'failed',
      peer_id: 'b',
      err: { message: 'broken', code: 'E_BROKEN', stack: expect.stringContaining('broken') },
    },
  ])
  rmSync(directory, { recursive: true })
})
