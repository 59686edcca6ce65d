import { type BootId, newBootId, parseClusterName, seededRandom } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type GossipKey, generateGossipKey, parseGossipKey } from '../../src/adapters/gossip-key.ts'
import { createGossipSeal, type GossipSeal } from '../../src/adapters/gossip-seal.ts'
import { contentBytesMax, nonceOf, writeCounter } from '../../src/core/gossip-packet.ts'
import { errorOf } from '../errors.ts'

const random = seededRandom('gossip seal')
const shop = parseClusterName('shop')
const newKey = (): GossipKey => parseGossipKey(generateGossipKey(), 'key')
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

interface SealPlan {
  readonly keys?: readonly GossipKey[]
  readonly cluster?: string
  readonly bootId?: BootId
  readonly sendersMax?: number
}
const key = newKey()
function sealer(plan: SealPlan = {}): GossipSeal {
  return createGossipSeal({
    keys: plan.keys ?? [key],
    cluster: parseClusterName(plan.cluster ?? shop),
    bootId: plan.bootId ?? newBootId(random),
    sendersMax: plan.sendersMax,
  })
}

const dropped = {
  tooShort: 0,
  unknownVersion: 0,
  unknownKey: 0,
  reflected: 0,
  replayed: 0,
  forged: 0,
}

describe('a sealed packet', () => {
  it('opens at every holder of the key, with the content it had', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (content) => {
        const packet = sealer().seal(content)
        expect(packet.length).toBe(content.length + 45)
        expect(Buffer.compare(sealer().open(packet) ?? Buffer.alloc(1), content)).toBe(0)
        expect(Buffer.compare(sealer().open(packet) ?? Buffer.alloc(1), content)).toBe(0)
      }),
    )
  })

  it('begins with a byte that no QUIC packet begins with', () => {
    const first = sealer().seal(text('x'))[0] ?? 0xff
    expect(first & 0xc0).toBe(0)
  })

  it('is refused after any change of any bit', () => {
    const packet = sealer().seal(text('twenty-one bytes here'))
    const receiver = sealer()
    for (let bit = 0; bit < packet.length * 8; bit++) {
      const changed = Uint8Array.from(packet)
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(receiver.open(changed)).toBeUndefined()
    }
    // The first packet's counter is 1, and one flip makes it 0, which counts as seen.
    const early = { unknownVersion: 8, unknownKey: 32, replayed: 1 }
    const forged = packet.length * 8 - 41
    expect(receiver.counters).toEqual({ sealed: 0, opened: 0, ...dropped, ...early, forged })
    expect(receiver.open(packet)).toBeDefined()
  })

  it('is refused when cut or extended, and random bytes are refused', () => {
    const packet = sealer().seal(text('content'))
    const receiver = sealer()
    for (let length = 0; length < packet.length; length++) {
      expect(receiver.open(packet.subarray(0, length))).toBeUndefined()
    }
    expect(receiver.counters.tooShort).toBe(45)
    expect(receiver.open(Uint8Array.of(...packet, 0))).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(receiver.open(bytes)).toBeUndefined()
      }),
    )
    expect(receiver.counters.opened).toBe(0)
  })

  it('is refused when its sender, counter or content is exchanged with another packet', () => {
    const sender = sealer()
    const [first, second] = [sender.seal(text('one')), sender.seal(text('two'))]
    const receiver = sealer()
    for (const at of [1, 5, 21, 29, first.length - 16]) {
      const mixed = Uint8Array.of(...first.subarray(0, at), ...second.subarray(at))
      if (Buffer.compare(mixed, first) === 0 || Buffer.compare(mixed, second) === 0) continue
      expect(receiver.open(mixed)).toBeUndefined()
    }
    expect(receiver.counters.opened).toBe(0)
  })

  it('does not open in another cluster with the same key', () => {
    const receiver = sealer({ cluster: 'bank' })
    expect(receiver.open(sealer().seal(text('x')))).toBeUndefined()
    expect(receiver.counters).toEqual({ sealed: 0, opened: 0, ...dropped, forged: 1 })
    expect(receiver.lastRefusal).toBe('forged')
  })

  it('says why it was dropped, which tells another key from another cluster', () => {
    const receiver = sealer()
    expect(receiver.lastRefusal).toBeNull()
    receiver.open(sealer({ keys: [newKey()] }).seal(text('x')))
    expect(receiver.lastRefusal).toBe('unknownKey')
    receiver.open(Uint8Array.of(1))
    expect(receiver.lastRefusal).toBe('tooShort')
  })

  it('is counted when it comes back to its sender', () => {
    const sender = sealer()
    expect(sender.open(sender.seal(text('x')))).toBeUndefined()
    expect(sender.counters).toEqual({ opened: 0, ...dropped, sealed: 1, reflected: 1 })
  })

  it('with a counter beyond 2^53 is refused', () => {
    const packet = sealer().seal(text('x'))
    packet.fill(0xff, 21, 29)
    const receiver = sealer()
    expect(receiver.open(packet)).toBeUndefined()
    expect(receiver.counters.forged).toBe(1)
  })

  it('never shares its nonce with another one of the same key', () => {
    const sender = sealer()
    const nonces = new Set<string>()
    for (let count = 0; count < 5_000; count++) {
      nonces.add(Buffer.from(nonceOf(sender.seal(text('same')))).toString('hex'))
    }
    expect(nonces.size).toBe(5_000)
    const counters = new Uint8Array(45)
    const seen = new Set<string>()
    for (const counter of [1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1]) {
      writeCounter(counters, counter)
      seen.add(Buffer.from(nonceOf(counters)).toString('hex'))
    }
    expect(seen.size).toBe(7)
  })

  it('is encrypted under another key for each boot, so equal counters and content differ', () => {
    const content = new Uint8Array(64)
    // Without the tag, which would differ by the boot id alone.
    const bodies = Array.from({ length: 100 }, () =>
      Buffer.from(sealer().seal(content).subarray(29, -16)).toString('hex'),
    )
    expect(new Set(bodies).size).toBe(100)
  })

  it('is refused before it is made when the content is too long', async () => {
    expect(sealer().seal(new Uint8Array(contentBytesMax)).length).toBe(65_507)
    const error = await errorOf(() => sealer().seal(new Uint8Array(contentBytesMax + 1)))
    expect(error.code).toBe('ERR_NODOSUM_MESSAGE_TOO_LARGE')
  })
})

describe('a recorded packet', () => {
  it('opens once, in any order within 1,024, and never again', () => {
    const sender = sealer()
    const packets = Array.from({ length: 1_024 }, (_, at) => sender.seal(text(String(at))))
    const receiver = sealer()
    for (const packet of random.shuffle([...packets])) expect(receiver.open(packet)).toBeDefined()
    for (const packet of random.shuffle([...packets])) expect(receiver.open(packet)).toBeUndefined()
    expect(receiver.counters).toEqual({ sealed: 0, ...dropped, opened: 1_024, replayed: 1_024 })
  })

  it('is refused when it is more than 1,024 behind, even if it never came', () => {
    const sender = sealer()
    const packets = Array.from({ length: 1_025 }, () => sender.seal(text('x')))
    const receiver = sealer()
    expect(receiver.open(packets[1_024] as Uint8Array)).toBeDefined()
    expect(receiver.open(packets[0] as Uint8Array)).toBeUndefined()
    expect(receiver.open(packets[1] as Uint8Array)).toBeDefined()
  })

  it('of one sender does not disturb another with the same counters', () => {
    const receiver = sealer()
    for (let count = 0; count < 20; count++) {
      expect(receiver.open(sealer().seal(text('x')))).toBeDefined()
    }
  })

  it('does not become acceptable because a forged one with its counter came first', () => {
    const packet = sealer().seal(text('x'))
    const forged = Uint8Array.from(packet)
    forged[44] = (forged[44] as number) ^ 1
    const receiver = sealer()
    expect(receiver.open(forged)).toBeUndefined()
    expect(receiver.open(packet)).toBeDefined()
    expect(receiver.open(packet)).toBeUndefined()
  })

  it('stays refused after its sender left the memory for others', () => {
    const sender = sealer()
    const packets = Array.from({ length: 3 }, () => sender.seal(text('x')))
    const receiver = sealer({ sendersMax: 4 })
    for (const packet of packets) expect(receiver.open(packet)).toBeDefined()
    for (let other = 0; other < 30; other++) receiver.open(sealer().seal(text('y')))
    for (const packet of packets) expect(receiver.open(packet)).toBeUndefined()
    expect(receiver.counters.replayed).toBe(3)
    expect(receiver.open(sender.seal(text('z')))).toBeDefined()
  })

  it('does not make room by forgeries: only genuine packets are remembered', () => {
    const sender = sealer()
    const packet = sender.seal(text('x'))
    const receiver = sealer({ sendersMax: 4 })
    expect(receiver.open(packet)).toBeDefined()
    const model = sealer().seal(text('y'))
    for (let other = 0; other < 200; other++) {
      const forged = Uint8Array.from(model)
      forged.set(random.bytes(16), 5)
      expect(receiver.open(forged)).toBeUndefined()
    }
    expect(receiver.open(packet)).toBeUndefined()
    expect(receiver.counters).toMatchObject({ opened: 1, forged: 200, replayed: 1 })
  })
})

describe('the keys', () => {
  it('are replaced in steps in which every node opens what every other seals', () => {
    const [old, next] = [newKey(), newKey()]
    const steps = [[old], [old, next], [next, old], [next]]
    for (let step = 1; step < steps.length; step++) {
      const before = sealer({ keys: steps[step - 1] as GossipKey[] })
      const after = sealer({ keys: steps[step] as GossipKey[] })
      expect(after.open(before.seal(text('x'))), `step ${step}`).toBeDefined()
      expect(before.open(after.seal(text('x'))), `step ${step}`).toBeDefined()
    }
    const late = sealer({ keys: [next] })
    expect(late.open(sealer({ keys: [old] }).seal(text('x')))).toBeUndefined()
    expect(late.counters.unknownKey).toBe(1)
  })

  it('seal with the first', () => {
    const [first, second] = [newKey(), newKey()]
    const packet = sealer({ keys: [first, second] }).seal(text('x'))
    expect(Buffer.from(packet.subarray(1, 5)).toString('hex')).toBe(first.id)
  })

  it('are refused when there is none, too many, or one twice', async () => {
    for (const keys of [[], [key, key], Array.from({ length: 9 }, newKey)]) {
      expect((await errorOf(() => sealer({ keys }))).code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    }
  })
})
