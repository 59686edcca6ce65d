import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isNodosumError, type NodosumError } from '@nodosum/kernel'
import { describe, expect, it, vi } from 'vitest'
import { createNode, generateGossipKey, type Node } from '../src/index.ts'
import { createTestCluster } from '../src/testing/index.ts'
import { certificateFor, cluster, scratch, startDevelopment, startNode } from './start-nodes.ts'

async function refusal(work: Promise<unknown>): Promise<NodosumError> {
  const error = await work.then(
    () => 'it was taken',
    (reason: unknown) => reason,
  )
  if (isNodosumError(error)) return error
  throw new Error(`no coded error: ${String(error)}`)
}

describe('node.reconfigure', () => {
  it('changes times of messaging for the next call', async () => {
    await using nodes = await createTestCluster({ time: 'virtual', nodes: ['a', 'b'] })
    nodes
      .node('b')
      .application('slow')
      .onRequest(() => new Promise(() => undefined))
    await nodes.converge()
    const a = nodes.node('a')
    const waits = async (): Promise<number> => {
      const startMs = nodes.nowMs()
      await nodes.run(refusal(a.application('slow').request('b', 1)))
      return nodes.nowMs() - startMs
    }
    expect(await waits()).toBe(5_000)
    const changes = { layers: { messaging: { requestTimeoutMs: 300 } } }
    expect(await a.reconfigure(changes)).toEqual(['layers.messaging.requestTimeoutMs'])
    expect(await waits()).toBe(300)
    expect(await a.reconfigure(changes)).toEqual([])
  })

  it('changes tags, which the others see', async () => {
    await using nodes = await createTestCluster({
      time: 'virtual',
      nodes: ['a', 'b'],
      options: { tags: { version: '1', zone: 'eu' } },
    })
    await nodes.node('a').reconfigure({ tags: { version: '2' } })
    const seen = (): unknown =>
      nodes
        .node('b')
        .members()
        .find(({ nodeId }) => nodeId === 'a')?.tags
    await nodes.until('b sees the new tags', () => JSON.stringify(seen()) === '{"version":"2"}')
  })

  it('takes other certificate files into use', async () => {
    const directory = scratch()
    const write = async (name: string): Promise<object> => {
      const { certificate, key, ca } = await certificateFor('shop-1', directory)
      const files = { certificate, key, ca }
      return Object.fromEntries(
        Object.entries(files).map(([what, text]) => {
          const file = join(directory, `${name}-${what}.pem`)
          writeFileSync(file, text)
          return [`${what}File`, file]
        }),
      )
    }
    const node = await startNode({
      listen: { host: '127.0.0.1', port: 0 },
      join: { alone: true },
      identity: await write('first'),
      gossipKeys: [generateGossipKey()],
    })
    const identity = (await write('second')) as { certificateFile: string }
    expect(await node.reconfigure({ identity })).toEqual([
      'identity.caFile',
      'identity.certificateFile',
      'identity.keyFile',
    ])
    // What cannot be used changes nothing, and what was in use is read again later.
    writeFileSync(join(directory, 'broken.pem'), 'no certificate')
    const broken = {
      identity: { certificateFile: join(directory, 'broken.pem') },
      tags: { a: 'b' },
    }
    expect((await refusal(node.reconfigure(broken))).message).toContain('broken.pem')
    expect(node.members()[0]?.tags).toEqual({})
    expect(readFileSync(identity.certificateFile, 'utf8')).toContain('BEGIN CERTIFICATE')
    await node.reloadCertificates()
  })

  it('changes what the default logger writes', async () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const lines = (): string => write.mock.calls.map(([line]) => String(line)).join('')
    try {
      const options = { cluster, profile: 'development', developmentDirectory: scratch() } as const
      await using node = await createNode({ ...options, logLevel: 'error' })
      await node.reconfigure({ tags: { a: '1' } })
      expect(lines()).not.toContain('config.changed')
      await node.reconfigure({ logLevel: 'info' })
      expect(lines()).toContain('config.changed')
    } finally {
      write.mockRestore()
    }
  })

  it('refuses what takes a restart, names it, and changes nothing', async () => {
    const [node] = (await startDevelopment('shop-1')) as [Node]
    const error = await refusal(
      node.reconfigure({
        tags: { new: 'yes' },
        listen: { port: 7_000 },
        layers: { membership: { probePeriodMs: 500 }, messaging: { sendTimeoutMs: 9 } },
      }),
    )
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(error.details.restart).toEqual(['layers.membership.probePeriodMs', 'listen'])
    expect(error.message).toContain('listen: takes effect at a restart only')
    expect(node.members()[0]?.tags).toEqual({})
    expect(await node.reconfigure({ layers: { messaging: { sendTimeoutMs: 9 } } })).toHaveLength(1)
  })

  it('refuses options that are wrong, and gossip keys with the way that there is', async () => {
    await using nodes = await createTestCluster({ time: 'virtual', nodes: ['a'] })
    const node = nodes.node('a')
    const typo = { layers: { messaging: { sendTimeout: 9 } } } as object
    expect((await refusal(node.reconfigure(typo))).message).toContain("'sendTimeoutMs'")
    const keys = await refusal(node.reconfigure({ gossipKeys: [generateGossipKey()] }))
    expect(keys.message).toContain('node.gossipKeys.install')
    const level = await refusal(node.reconfigure({ logLevel: 'debug' }))
    expect(level.message).toContain('set the level of your own')
    expect((await refusal(node.reconfigure('file.json' as never))).message).toContain('file.json')
  })
})
