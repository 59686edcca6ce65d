import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { type GossipKey, generateGossipKey, parseGossipKey } from '../../src/adapters/gossip-key.ts'
import { GossipKeyRing } from '../../src/adapters/gossip-key-ring.ts'
import { KeptKeyRing } from '../../src/adapters/kept-key-ring.ts'
import { startWithOwnMounts } from '../children/child.ts'
import { errorOf } from '../errors.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

const newKey = (): GossipKey => parseGossipKey(generateGossipKey(), 'key')
const [old, next] = [newKey(), newKey()]

async function rotated(path: string): Promise<KeptKeyRing> {
  const kept = new KeptKeyRing(new GossipKeyRing([old]), path)
  await kept.change((ring) => ring.installing(next))
  await kept.change((ring) => ring.using(next.id))
  return kept
}

describe('a ring that is kept', () => {
  it('is the same after a restart, whatever the options still say', async () => {
    const path = join(await temporaryDirectory(), 'data', 'gossip-keys')
    const before = await rotated(path)
    await before.change((ring) => ring.removing(old.id))
    const after = new KeptKeyRing(new GossipKeyRing([old]), path)
    expect(await after.restore()).toBeNull()
    expect(after.ring.list()).toEqual([{ id: next.id, inUse: true }])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(path, '..'))).toEqual(['gossip-keys'])
  })

  it('begins with the options when there is nothing', async () => {
    const kept = new KeptKeyRing(new GossipKeyRing([old]), join(await temporaryDirectory(), 'none'))
    expect(await kept.restore()).toBeNull()
    expect(kept.ring.inUse).toBe(old)
  })

  it.each([
    ['empty', ''],
    ['cut', null],
    ['of something else', '{"epoch":3}'],
  ])('puts a file aside that is %s, says so, and begins with the options', async (_, text) => {
    const directory = await temporaryDirectory()
    const path = join(directory, 'gossip-keys')
    await rotated(path)
    writeFileSync(path, text ?? readFileSync(path, 'latin1').slice(0, 60))
    const kept = new KeptKeyRing(new GossipKeyRing([old]), path)
    const problem = await kept.restore()
    expect(problem?.code).toBe('ERR_NODOSUM_STORE_CORRUPT')
    expect(kept.ring.inUse).toBe(old)
    expect(readdirSync(directory)).toEqual(['gossip-keys.damaged'])
  })

  it('does not change what it cannot keep, unless the cluster has gone on already', async () => {
    const directory = await temporaryDirectory()
    const path = join(directory, 'gossip-keys')
    const kept = await rotated(path)
    const text = readFileSync(path, 'latin1')
    const third = newKey()
    // A file where the directory was: what root may do is not limited by modes.
    const broken = new KeptKeyRing(kept.ring, join(path, 'below-a-file'))
    const error = await errorOf(() => broken.change((ring) => ring.installing(third)))
    expect(error.code).toBe('ERR_NODOSUM_STORE_FAILED')
    expect(kept.ring.find(third.id)).toBeUndefined()
    expect(readFileSync(path, 'latin1')).toBe(text)
    const problem = await broken.follow((ring) => ring.installing(third))
    expect(isNodosumError(problem, 'ERR_NODOSUM_STORE_FAILED')).toBe(true)
    expect(kept.ring.find(third.id)).toBe(third)
  })

  it('changes one after the other, each on top of the last', async () => {
    const kept = new KeptKeyRing(new GossipKeyRing([old]), join(await temporaryDirectory(), 'ring'))
    const keys = Array.from({ length: 6 }, newKey)
    let changes = 0
    kept.onChange = () => {
      changes += 1
    }
    await Promise.all(keys.map((key) => kept.change((ring) => ring.installing(key))))
    expect(kept.ring.list()).toHaveLength(7)
    expect(changes).toBe(6)
    expect(await kept.change((ring) => ring.installing(keys[0] as GossipKey))).toBe(false)
  })

  it('says when the disk is full, keeps the old file, and goes on when there is room', async () => {
    const { output } = startWithOwnMounts('full-disk.ts', await temporaryDirectory())
    expect(JSON.parse(await output)).toEqual({
      refused: 'ERR_NODOSUM_STORE_FULL',
      isUntouched: true,
      keysThen: 2,
      isWrittenAgain: true,
    })
  })
})
