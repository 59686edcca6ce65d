import { type BootId, newBootId, parseClusterName, seededRandom } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type GossipKey, generateGossipKey, parseGossipKey } from '../../src/adapters/gossip-key.ts'
import { GossipKeyRing } from '../../src/adapters/gossip-key-ring.ts'
import { createPacketSeal, type PacketSeal } from '../../src/adapters/packet-seal.ts'
import {
  contentBytesMax,
  nonceOf,
  type SealPurpose,
  writeCounter,
} from '../../src/core/sealed-packet.ts'
import { errorOf } from '../errors.ts'

const random = seededRandom('gossip seal')
const shop = parseClusterName('shop')
const newKey = (): GossipKey => parseGossipKey(generateGossipKey(), 'key')
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

interface SealPlan {
  readonly keys?: readonly GossipKey[]
  readonly ring?: GossipKeyRing
  readonly purpose?: SealPurpose
  readonly name?: string
  readonly cluster?: string
  readonly bootId?: BootId
  readonly sendersMax?: number
}
const key = newKey()
function sealer(plan: SealPlan = {}): PacketSeal {
  return createPacketSeal({
    purpose: plan.purpose ?? 'gossip',
    ring: plan.ring ?? new GossipKeyRing(plan.keys ?? [key]),
    name: plan.name ?? 'shop-1',
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
  misdirected: 0,
  replayed: 0,
  forged: 0,
}

describe('a sealed packet', () => {
  it('opens at every holder of the key, with the content it had', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (content) => {
        const packet = sealer().seal(content)
        expect(packet.length).toBe(content.length + 49)
        expect(Buffer.compare(sealer().open(packet) ?? Buffer.alloc(1), content)).toBe(0)
        expect(Buffer.compare(sealer().open(packet) ?? Buffer.alloc(1), content)).toBe(0)
      }),
    )
  })

  it('begins with a byte for its purpose that no QUIC packet begins with', () => {
    const first = (purpose: SealPurpose): number => sealer({ purpose }).seal(text('x'))[0] ?? 0xff
    expect([first('gossip'), first('handshake')]).toEqual([0x01, 0x11])
    expect((first('gossip') | first('handshake')) & 0xc0).toBe(0)
  })

  it('opens for its purpose only, also when its first byte is exchanged', () => {
    const packet = sealer({ purpose: 'handshake' }).seal(text('x'))
    const gossip = sealer()
    expect(gossip.open(packet)).toBeUndefined()
    expect(gossip.lastRefusal).toBe('unknownVersion')
    packet[0] = 0x01
    expect(gossip.open(packet)).toBeUndefined()
    expect(gossip.lastRefusal).toBe('forged')
  })

  it('is encrypted under another key for each purpose of one boot', () => {
    const bootId = newBootId(random)
    const body = (purpose: SealPurpose): string =>
      Buffer.from(sealer({ purpose, bootId }).seal(new Uint8Array(64)).subarray(33, -16)).toString(
        'hex',
      )
    expect(body('gossip')).not.toBe(body('handshake'))
  })

  it('that names its recipient opens there and nowhere else', () => {
    const sender = sealer()
    const bootId = newBootId(random)
    for (const recipient of ['shop-7', bootId]) {
      const packet = sender.seal(text('for one'), recipient)
      const other = sealer({ name: 'shop-8' })
      expect(other.open(packet)).toBeUndefined()
      expect(other.counters.misdirected).toBe(1)
      // A thief who takes the name off does not get it open either.
      expect(other.open(Uint8Array.from(packet).fill(0, 29, 33))).toBeUndefined()
      expect(other.lastRefusal).toBe('forged')
      expect(sealer({ name: 'shop-7', bootId }).open(packet)).toEqual(Buffer.from('for one'))
    }
  })

  it('tells whom it came from, so that the reply can be for that boot alone', () => {
    const [asked, other] = [sealer({ name: 'a' }), sealer({ name: 'b' })]
    const bootId = newBootId(random)
    const asking = sealer({ name: 'c', bootId })
    expect(asked.lastSender).toBeNull()
    asked.open(asking.seal(text('who is there?')))
    expect(asked.lastSender).toBe(bootId)
    const reply = asked.seal(text('me'), asked.lastSender ?? undefined)
    expect(other.open(reply)).toBeUndefined()
    expect(asking.open(reply)).toBeDefined()
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
    const early = { unknownVersion: 8, unknownKey: 32, misdirected: 32, replayed: 1 }
    const forged = packet.length * 8 - 73
    expect(receiver.counters).toEqual({ sealed: 0, opened: 0, ...dropped, ...early, forged })
    expect(receiver.open(packet)).toBeDefined()
  })

  it('is refused when cut or extended, and random bytes are refused', () => {
    const packet = sealer().seal(text('content'))
    const receiver = sealer()
    for (let length = 0; length < packet.length; length++) {
      expect(receiver.open(packet.subarray(0, length))).toBeUndefined()
    }
    expect(receiver.counters.tooShort).toBe(49)
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
    for (const at of [1, 5, 21, 29, 33, first.length - 16]) {
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
    const counters = new Uint8Array(49)
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
      Buffer.from(sealer().seal(content).subarray(33, -16)).toString('hex'),
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
    forged[48] = (forged[48] as number) ^ 1
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
    const rings = [new GossipKeyRing([old]), new GossipKeyRing([old])] as const
    const [one, two] = rings.map((ring) => sealer({ ring })) as [PacketSeal, PacketSeal]
    const steps = [
      (ring: GossipKeyRing) => ring.install(next),
      (ring: GossipKeyRing) => ring.use(next.id),
      (ring: GossipKeyRing) => ring.remove(old.id),
    ]
    for (const step of steps) {
      for (const ring of rings) {
        step(ring)
        expect(one.open(two.seal(text('x')))).toBeDefined()
        expect(two.open(one.seal(text('x')))).toBeDefined()
      }
    }
    expect(one.open(sealer({ keys: [old] }).seal(text('x')))).toBeUndefined()
    expect(one.counters.unknownKey).toBe(1)
  })

  it('seal with the one in use, from the next packet on', () => {
    const [first, second] = [newKey(), newKey()]
    const ring = new GossipKeyRing([first, second])
    const sender = sealer({ ring })
    const idOf = (packet: Uint8Array): string => Buffer.from(packet.subarray(1, 5)).toString('hex')
    expect(idOf(sender.seal(text('x')))).toBe(first.id)
    ring.use(second.id)
    expect(idOf(sender.seal(text('x')))).toBe(second.id)
  })

  it('that come into use again repeat no nonce, and let no recording in', () => {
    const [first, second] = [newKey(), newKey()]
    const ring = new GossipKeyRing([first, second])
    const [sender, receiver] = [sealer({ ring }), sealer({ ring })]
    const recorded = sender.seal(text('x'))
    receiver.open(recorded)
    ring.use(second.id)
    ring.remove(first.id)
    receiver.open(sender.seal(text('y')))
    ring.install(first)
    ring.use(first.id)
    expect(receiver.open(recorded)).toBeUndefined()
    expect(receiver.lastRefusal).toBe('replayed')
    const again = sender.seal(text('x'))
    expect(nonceOf(again)).not.toEqual(nonceOf(recorded))
    expect(receiver.open(again)).toBeDefined()
  })
})
