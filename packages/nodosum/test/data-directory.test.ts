import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type LogFields, type Logger, silentLogger } from '@nodosum/kernel'
import { describe, expect, it, vi } from 'vitest'
import { generateGossipKey, type NodeOptions } from '../src/index.ts'
import { certificateFor, cluster, scratch, seeEachOther, startNode, until } from './start-nodes.ts'

// Each waits for conditions, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 })

type Plan = Omit<NodeOptions, 'cluster'>

async function plan(nodeId: string, directory: string, key: string): Promise<Plan> {
  return {
    nodeId,
    listen: { host: '127.0.0.1', port: 0 },
    identity: await certificateFor(nodeId, directory),
    gossipKeys: [key],
    join: { alone: true },
  }
}

/** A logger that keeps the warnings. */
function warnings(): { logger: Logger; lines: LogFields[] } {
  const lines: LogFields[] = []
  const logger: Logger = {
    ...silentLogger,
    warn: (fields) => void lines.push(fields),
    child: () => logger,
  }
  return { logger, lines }
}

/** The epoch that a file keeps. */
function epochIn(path: string): number {
  const { epoch } = JSON.parse(readFileSync(path, 'utf8').split('\n')[1] ?? '{}')
  return Number(epoch)
}

describe('what membership keeps in the data directory', () => {
  it('is put aside with a warning when it is damaged, and the cluster tells which epoch to exceed', async () => {
    const directory = scratch()
    const key = generateGossipKey()
    const dataDirectory = join(directory, 'data')
    const first = await startNode(await plan('a', directory, key))
    const seeds = [`127.0.0.1:${first.address.port}`]
    const joining = { ...(await plan('b', directory, key)), discovery: { seeds }, join: {} }
    const options = { ...joining, dataDirectory }
    const path = join(dataDirectory, 'membership')
    for (let starts = 0; starts < 3; starts += 1) {
      const second = await startNode(options)
      await seeEachOther([first, second])
      await second.close()
    }
    const epoch = epochIn(path)
    expect(epoch).toBeGreaterThanOrEqual(3)

    const bytes = readFileSync(path)
    bytes[100] = (bytes[100] as number) ^ 1
    writeFileSync(path, bytes)
    const { logger, lines } = warnings()
    const again = await startNode({ ...options, logger })
    await seeEachOther([first, again])
    const shown = first.members().find(({ nodeId }) => nodeId === 'b')
    expect(shown?.bootId).toBe(again.bootId)
    expect(lines.filter(({ event }) => event === 'snapshot.unusable')).toMatchObject([
      { error_code: 'ERR_NODOSUM_STORE_CORRUPT' },
    ])
    expect(readFileSync(`${path}.damaged`)).toEqual(bytes)
    await until(() => existsSync(path) && epochIn(path) > epoch)
    expect(again.health().status).toBe('ok')
  })

  it('is missed by nobody when the disk is full or read-only: health and log say so with a code', async () => {
    const directory = scratch()
    const options = { cluster, ...(await plan('a', directory, generateGossipKey())) }
    const program = join(import.meta.dirname, 'programs', 'full-disk.ts')
    const { stdout } = await promisify(execFile)('unshare', [
      ...['--map-root-user', '--mount', '--', process.execPath, '-C', 'nodosum-source'],
      ...[program, scratch(), JSON.stringify(options)],
    ])
    expect(JSON.parse(stdout)).toEqual({
      whenFull: expect.stringContaining('not kept: ERR_NODOSUM_STORE_FULL: '),
      reply: 'tea',
      isKeptWhenFull: false,
      codesWhenFull: ['ERR_NODOSUM_STORE_FULL'],
      isKeptWithRoom: true,
      whenReadOnly: expect.stringContaining('not kept: ERR_NODOSUM_STORE_FAILED: '),
      codesWhenReadOnly: ['ERR_NODOSUM_STORE_FAILED'],
    })
  })
})
