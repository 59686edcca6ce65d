import { seededRandom } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type GossipKey, generateGossipKey, parseGossipKey } from '../../src/adapters/gossip-key.ts'
import { GossipKeyRing } from '../../src/adapters/gossip-key-ring.ts'
import { errorOf } from '../errors.ts'

const newKey = (): GossipKey => parseGossipKey(generateGossipKey(), 'key')
const idsOf = (ring: GossipKeyRing): string[] => ring.list().map((key) => key.id)
const install = (ring: GossipKeyRing, key: GossipKey): void => ring.replace(ring.installing(key))
const use = (ring: GossipKeyRing, key: GossipKey): void => ring.replace(ring.using(key.id))
const remove = (ring: GossipKeyRing, key: GossipKey): void => ring.replace(ring.removing(key.id))
const tell = (from: GossipKeyRing, to: GossipKeyRing): void => to.replace(to.merging(from.shared()))

describe('a ring of gossip keys', () => {
  it('seals with the first and finds all', () => {
    const keys = [newKey(), newKey(), newKey()]
    const ring = new GossipKeyRing(keys)
    expect(ring.inUse).toBe(keys[0])
    for (const key of keys) expect(ring.find(key.id)).toBe(key)
    expect(ring.find('00000000')).toBeUndefined()
    expect(ring.list()[0]).toEqual({ id: keys[0]?.id, inUse: true })
    expect(ring.list().filter(({ inUse }) => inUse)).toHaveLength(1)
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
    install(ring, next)
    expect(ring.differs(ring.installing(next))).toBe(false)
    expect(ring.inUse).toBe(old)
    use(ring, next)
    expect(ring.differs(ring.using(next.id))).toBe(false)
    expect(idsOf(ring)).toEqual([next.id, old.id])
    remove(ring, old)
    expect(ring.differs(ring.removing(old.id))).toBe(false)
    expect(idsOf(ring)).toEqual([next.id])
    expect(ring.find(old.id)).toBeUndefined()
  })

  it('keeps the key in use', async () => {
    const [old, next] = [newKey(), newKey()]
    const ring = new GossipKeyRing([old, next])
    const error = await errorOf(() => ring.removing(old.id))
    expect(error.code).toBe('ERR_NODOSUM_GOSSIP_KEY_IN_USE')
  })

  it('does not use what it does not hold, and removes nothing that is no id', async () => {
    const ring = new GossipKeyRing([newKey()])
    const unknown = await errorOf(() => ring.using(newKey().id))
    expect(unknown.code).toBe('ERR_NODOSUM_GOSSIP_KEY_UNKNOWN')
    expect(unknown.message).toContain(ring.inUse.id)
    for (const id of ['', 'abc', 'XYZ01234', `${ring.inUse.id}0`]) {
      expect((await errorOf(() => ring.removing(id))).code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    }
  })

  it('holds 8 keys and refuses one more, naming them', async () => {
    const ring = new GossipKeyRing(Array.from({ length: 8 }, newKey))
    const error = await errorOf(() => ring.installing(newKey()))
    expect(error.code).toBe('ERR_NODOSUM_LIMIT_GOSSIP_KEYS')
    for (const id of idsOf(ring)) expect(error.message).toContain(id)
  })

  it('refuses another key with the id of one that it holds', async () => {
    const ring = new GossipKeyRing([newKey()])
    const error = await errorOf(() => ring.installing({ ...newKey(), id: ring.inUse.id }))
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
  })
})

describe('rings of several nodes', () => {
  it('hand on what was changed, with the key', () => {
    const [old, next] = [newKey(), newKey()]
    const [one, two] = [new GossipKeyRing([old]), new GossipKeyRing([old])]
    install(one, next)
    use(one, next)
    tell(one, two)
    expect(two.inUse.id).toBe(next.id)
    expect(two.find(next.id)?.secret.equals(next.secret)).toBe(true)
    remove(two, old)
    tell(two, one)
    expect(idsOf(one)).toEqual([next.id])
    expect(one.digest()).toEqual(two.digest())
  })

  it('hand on nothing that only their options name', () => {
    const [common, mine] = [newKey(), newKey()]
    const [one, two] = [new GossipKeyRing([mine, common]), new GossipKeyRing([common])]
    tell(one, two)
    expect(idsOf(two)).toEqual([common.id])
    expect(two.inUse).toBe(common)
    expect(one.digest()).toEqual(two.digest())
  })

  it('a node that was away gets all changes at once, also the end of its own key', () => {
    const [first, second, third] = [newKey(), newKey(), newKey()]
    const [ring, late] = [new GossipKeyRing([first]), new GossipKeyRing([first])]
    install(ring, second)
    tell(ring, late)
    use(ring, second)
    remove(ring, first)
    install(ring, third)
    use(ring, third)
    remove(ring, second)
    tell(ring, late)
    expect(idsOf(late)).toEqual([third.id])
    expect(late.digest()).toEqual(ring.digest())
  })

  it('keep a key that one node removes while another one chooses it', () => {
    const [old, next] = [newKey(), newKey()]
    const [one, two] = [new GossipKeyRing([old]), new GossipKeyRing([old])]
    install(one, next)
    tell(one, two)
    use(one, next)
    remove(two, next)
    tell(one, two)
    tell(two, one)
    expect([one.inUse.id, two.inUse.id]).toEqual([next.id, next.id])
    expect(one.digest()).toEqual(two.digest())
  })

  it('agree in the end, whoever changed what and whatever met whatever in which order', () => {
    const keys = Array.from({ length: 4 }, newKey)
    const [first] = keys as [GossipKey]
    fc.assert(
      fc.property(fc.integer(), fc.nat(60), (seed, steps) => {
        const random = seededRandom(`rings ${seed}`)
        const rings = Array.from({ length: 4 }, () => new GossipKeyRing([first]))
        for (let step = 0; step < steps; step++) {
          const ring = random.pick(rings) as GossipKeyRing
          const key = random.pick(keys) as GossipKey
          const act = random.pick([install, use, remove, tell, tell])
          if (act === tell) tell(random.pick(rings) as GossipKeyRing, ring)
          else if (act === use && ring.find(key.id) === undefined) install(ring, key)
          else if (act !== remove || ring.inUse.id !== key.id) (act as typeof use)(ring, key)
        }
        // A choice of one and a removal by another may need a second round to settle.
        for (let round = 0; round < 2; round++) {
          for (const ring of rings) for (const other of rings) tell(other, ring)
        }
        const shown = rings.map((ring) => JSON.stringify(ring.list()))
        expect(new Set(shown).size).toBe(1)
        for (const ring of rings) expect(ring.find(ring.inUse.id)).toBe(ring.inUse)
      }),
      { numRuns: 300 },
    )
  })

  it('refuse bytes that are no keys, and stay as they are', () => {
    const ring = new GossipKeyRing([newKey()])
    install(ring, newKey())
    use(ring, newKeyOf(ring))
    const shared = ring.shared()
    const other = new GossipKeyRing([newKey()])
    const before = other.list()
    const attempts = [
      ...Array.from({ length: shared.length }, (_, end) => shared.subarray(0, end)),
      ...Array.from({ length: shared.length }, (_, at) => {
        const changed = Uint8Array.from(shared)
        changed[at] = (changed[at] as number) ^ 0x80
        return changed
      }),
      Uint8Array.of(...shared, 0),
    ]
    let refused = 0
    for (const bytes of attempts) {
      try {
        other.merging(bytes)
      } catch {
        refused += 1
      }
    }
    // One bit of a version can change and still be a version; nothing else can.
    expect(attempts.length - refused).toBeLessThanOrEqual(4)
    expect(other.list()).toEqual(before)
  })

  it('take no more than 16 keys together', async () => {
    const rings = Array.from({ length: 3 }, () => {
      const ring = new GossipKeyRing([newKey()])
      for (let count = 1; count < 8; count++) install(ring, newKey())
      return ring
    }) as [GossipKeyRing, GossipKeyRing, GossipKeyRing]
    tell(rings[0], rings[1])
    const error = await errorOf(() => rings[2].merging(rings[1].shared()))
    expect(error.code).toBe('ERR_NODOSUM_LIMIT_GOSSIP_KEYS')
  })
})

/** The key of the ring that is not in use. */
function newKeyOf(ring: GossipKeyRing): GossipKey {
  return ring.find(ring.list()[1]?.id ?? '') as GossipKey
}
