import { X509Certificate } from 'node:crypto'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseClusterName, parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import {
  createPeerVerifier,
  developmentGossipKey,
  developmentIdentity,
  type Identity,
  parseGossipKey,
} from '../../src/index.ts'
import { kill, startChild } from '../children/child.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

interface Start {
  readonly identity: Identity
  readonly gossipKey: string
}

const cluster = parseClusterName('shop')
const names = ['shop-1', 'shop-2', 'shop-3', 'shop-4', 'shop-5']

/** First starts in one process for each name, all let go at the same moment. */
async function startTogether(directory: string): Promise<Start[]> {
  const children = names.map((name) => startChild('first-start.ts', directory, name))
  await Promise.all(children.map(({ spoke, output }) => Promise.race([spoke, output])))
  for (const { process } of children) process.stdin?.write('go\n')
  const outputs = await Promise.all(children.map(({ output }) => output))
  return outputs.map((output) => JSON.parse(output) as Start)
}

function expectOneCluster(starts: readonly Start[]): void {
  expect(new Set(starts.map(({ identity }) => identity.caPem)).size).toBe(1)
  expect(new Set(starts.map(({ gossipKey }) => gossipKey)).size).toBe(1)
  expect(new Set(starts.map(({ identity }) => identity.keyPem)).size).toBe(names.length)
  expect(starts.map(({ identity }) => identity.nodeId)).toEqual(names)
  parseGossipKey(starts[0]?.gossipKey ?? '', 'the shared key')
  for (const { identity } of starts) {
    const verify = createPeerVerifier({
      cluster,
      match: 'node',
      caPem: identity.caPem,
      trustDomain: 'development',
      now: Date.now,
    })
    const seen = starts.map((peer) =>
      verify([new X509Certificate(peer.identity.certificatePem).raw]),
    )
    expect(seen.map(({ nodeId }) => nodeId)).toEqual(names)
  }
}

describe('five first starts at once', () => {
  it('end with one CA and one gossip key, in files that only this user reads', async () => {
    const directory = join(await temporaryDirectory(), 'deep', 'development')
    expectOneCluster(await startTogether(directory))
    expect((await readdir(directory)).toSorted()).toEqual(['ca-key.pem', 'ca.pem', 'gossip-key'])
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    for (const name of await readdir(directory)) {
      expect((await stat(join(directory, name))).mode & 0o777, name).toBe(0o600)
    }
  })

  it('of one process end the same after another was killed while it held the lock', async () => {
    const directory = await temporaryDirectory()
    const killed = startChild('hold-lock.ts', join(directory, 'lock'))
    await killed.spoke
    await kill(killed)
    await writeFile(join(directory, '.ca-key.pem.1.tmp'), 'cut off')
    const wallMs = Date.now()
    const start = async (name: string): Promise<Start> => ({
      identity: await developmentIdentity({
        directory,
        cluster,
        nodeId: parseNodeId(name),
        wallMs,
      }),
      gossipKey: await developmentGossipKey(directory),
    })
    expectOneCluster(await Promise.all(names.map(start)))
  })
})
