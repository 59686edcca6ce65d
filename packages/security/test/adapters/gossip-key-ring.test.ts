import { describe, expect, it } from 'vitest'
import { type GossipKey, generateGossipKey, parseGossipKey } from '../../src/adapters/gossip-key.ts'
import { GossipKeyRing } from '../../src/adapters/gossip-key-ring.ts'
import { errorOf } from '../errors.ts'

const newKey = (): GossipKey => parseGossipKey(generateGossipKey(), 'key')
const idsOf = (ring: GossipKeyRing): string[] => ring.keys.map((key) => key.id)

describe('a ring of gossip keys', () => {
  it('seals with the first and finds all', () => {
    const keys = [newKey(), newKey(), newKey()]
    const ring = new GossipKeyRing(keys)
    expect(ring.inUse).toBe(keys[0])
    for (const key of keys) expect(ring.find(key.id)).toBe(key)
    expect(ring.find('00000000')).toBeUndefined()
  })

  it('is refused without keys, with too many, or with one twice', async () => {
    const key = newKey()
    for (const keys of [[], [key, key], Array.from({ length: 9 }, newKey)]) {
      const error = await errorOf(() => new GossipKeyRing(keys))
      expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    }
  })

  it('installs, uses and removes; each step can be repeated', () => {
    const [old, next] = [newKey(), newKey()]
    const ring = new GossipKeyRing([old])
    let changes = 0
    ring.onChange = () => {
      changes += 1
    }
    expect([ring.install(next), ring.install(next)]).toEqual([true, false])
    expect(ring.inUse).toBe(old)
    expect([ring.use(next.id), ring.use(next.id)]).toEqual([true, false])
    expect(idsOf(ring)).toEqual([next.id, old.id])
    expect([ring.remove(old.id), ring.remove(old.id)]).toEqual([true, false])
    expect(idsOf(ring)).toEqual([next.id])
    expect(changes).toBe(3)
  })

  it('keeps the key in use', async () => {
    const [old, next] = [newKey(), newKey()]
    const ring = new GossipKeyRing([old, next])
    const error = await errorOf(() => ring.remove(old.id))
    expect(error.code).toBe('ERR_NODOSUM_GOSSIP_KEY_IN_USE')
    expect(idsOf(ring)).toEqual([old.id, next.id])
  })

  it('does not use what it does not hold', async () => {
    const ring = new GossipKeyRing([newKey()])
    const error = await errorOf(() => ring.use(newKey().id))
    expect(error.code).toBe('ERR_NODOSUM_GOSSIP_KEY_UNKNOWN')
    expect(error.message).toContain(ring.inUse.id)
  })

  it('holds 8 keys and refuses one more, naming them', async () => {
    const ring = new GossipKeyRing(Array.from({ length: 8 }, newKey))
    const before = idsOf(ring)
    const error = await errorOf(() => ring.install(newKey()))
    expect(error.code).toBe('ERR_NODOSUM_LIMIT_GOSSIP_KEYS')
    for (const id of before) expect(error.message).toContain(id)
    expect(idsOf(ring)).toEqual(before)
    expect(ring.install(ring.inUse)).toBe(false)
  })

  it('refuses another key with the id of one that it holds', async () => {
    const ring = new GossipKeyRing([newKey()])
    const error = await errorOf(() => ring.install({ ...newKey(), id: ring.inUse.id }))
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
  })
})
