import {
  type BootId,
  isNodosumError,
  newBootId,
  parseNodeId,
  seededRandom,
  silentLogger,
} from '@nodosum/kernel'
import { systemScheduler } from '@nodosum/kernel/node'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { MembershipSnapshot } from '../../src/core/effects.ts'
import {
  MembershipService,
  type MembershipServiceOptions,
} from '../../src/driver/membership-service.ts'
import { membershipOptions } from '../../src/options.ts'
import type { PacketPort } from '../../src/ports.ts'

/** Ports that hand packets to each other in the same process. */
const ports = new Map<string, PacketPort>()
const services: MembershipService[] = []
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.close()))
  ports.clear()
})

const quick = {
  probePeriodMs: 100,
  probeTimeoutMs: 50,
  watchPeriodMs: 200,
  suspicionMinMs: 300,
  gossipPeriodMs: 20,
  joinRetryMs: 100,
  syncQuietMs: 100,
  viewQuietMs: 100,
}

function service(id: string, more: Partial<MembershipServiceOptions> = {}): MembershipService {
  const port: PacketPort = {
    onPacket: null,
    send: (bytes, to) => {
      const copy = bytes.slice()
      setImmediate(() => ports.get(to.host)?.onPacket?.(copy, { host: id, port: 1 }))
    },
  }
  ports.set(id, port)
  const random = seededRandom(id)
  const made = new MembershipService({
    cluster: 'test',
    nodeId: parseNodeId(id),
    bootId: newBootId(random) as BootId,
    addresses: [{ host: id, udpPort: 1, tcpPort: 0 }],
    tags: {},
    formation: { alone: id === 'a', expect: null },
    packets: port,
    seal: { seal: (bytes) => bytes, open: (bytes) => bytes, lastSender: null, lastRefusal: null },
    discovery: { find: async () => ({ addresses: [{ host: 'a', port: 1 }], detail: 'a' }) },
    scheduler: systemScheduler(),
    random,
    logger: silentLogger,
    options: membershipOptions.parse(quick),
    ...more,
  })
  services.push(made)
  return made
}

const joining = { timeoutMs: 20_000, signal: undefined }
const waiting = { timeout: 20_000, interval: 20 }

describe('the service', () => {
  it('carries views, events, tags and estimates from one node to another', async () => {
    const [a, b] = [service('a'), service('b')]
    const [views, events]: [number[], string[]] = [[], []]
    a.onView(({ members }) => views.push(members.length))
    a.onEvent(({ from, name, payload }) => events.push(`${from} ${name} ${payload.length}`))
    await Promise.all([a.start(joining), b.start(joining)])
    b.emit('deploy', new Uint8Array(3))
    b.setTags({ zone: 'north' })
    await vi.waitFor(() => {
      expect(views.at(-1)).toBe(2)
      expect(events).toEqual(['b deploy 3'])
      expect(a.members().find(({ nodeId }) => nodeId === 'b')?.tags).toEqual({ zone: 'north' })
      expect(a.rttMs(parseNodeId('b'))).toBeGreaterThanOrEqual(0)
    }, waiting)
    a.linkActivity(parseNodeId('b'))
    expect(a.counters.eventsReceived).toBe(1)
    expect(a.localHealth).toBeGreaterThanOrEqual(0)
  })

  it('refuses an event that is too large, with a code', async () => {
    const a = service('a')
    await a.start(joining)
    for (const [name, bytes] of [
      ['x', 513],
      ['n'.repeat(65), 1],
    ] as const) {
      let code: unknown
      try {
        a.emit(name, new Uint8Array(bytes))
      } catch (error) {
        code = isNodosumError(error) ? error.code : error
      }
      expect(code).toBe('ERR_NODOSUM_MESSAGE_TOO_LARGE')
    }
  })

  it('keeps the epoch, and exceeds it at the next start', async () => {
    let kept: MembershipSnapshot | null = null as MembershipSnapshot | null
    const snapshots = {
      load: async () => ({ snapshot: kept, problem: null }),
      save: async (snapshot: MembershipSnapshot) => {
        kept = snapshot
      },
    }
    const epochs: number[] = []
    for (let start = 0; start < 3; start += 1) {
      const a = service('a', { snapshots })
      await a.start(joining)
      epochs.push(a.members()[0]?.incarnation.epoch ?? 0)
      await vi.waitFor(() => expect(kept?.epoch).toBe(epochs.at(-1)), waiting)
      await a.close()
    }
    expect(epochs).toEqual([1, 2, 3])
  })

  it('goes on when the disk does not answer', async () => {
    let answer: () => void = () => undefined
    const stuck = new Promise<void>((resolve) => {
      answer = resolve
    })
    const snapshots = { load: async () => ({ snapshot: null, problem: null }), save: () => stuck }
    const [a, b] = [service('a', { snapshots }), service('b')]
    await Promise.all([a.start(joining), b.start(joining)])
    expect(a.members()).toHaveLength(2)
    answer()
  })

  it('ends joining at once when a member does not admit it, and says why', async () => {
    const a = service('a', { admit: ({ nodeId }) => (nodeId === 'b' ? 'b stays outside' : null) })
    await a.start(joining)
    const b = service('b')
    const error = await b.start(joining).catch((caught: unknown) => caught)
    expect(isNodosumError(error, 'ERR_NODOSUM_JOIN_REFUSED')).toBe(true)
    expect(String(error)).toContain('b stays outside')
    expect(a.members()).toHaveLength(1)
  })

  it('says with a code why there must be no connection', async () => {
    const a = service('a', { admit: ({ nodeId }) => (nodeId === 'b' ? 'b stays outside' : null) })
    const c = service('c')
    await Promise.all([a.start(joining), c.start(joining)])
    const b = parseNodeId('b')
    const stranger = newBootId(seededRandom('b')) as BootId
    expect(a.refusalOf(b, stranger)).toMatchObject({
      code: 'ERR_NODOSUM_JOIN_REFUSED',
      message: 'b is not admitted: b stays outside',
    })
    expect(a.refusalOf(parseNodeId('c'), null)).toBe(null)
    expect(c.refusalOf(b, stranger)).toBe(null)
  })

  it('tells a busy event loop to the local health', async () => {
    const a = service('a', { loopDelay: { takeMaxMs: () => 900 } })
    await a.start(joining)
    await vi.waitFor(() => expect(a.localHealth).toBe(7), waiting)
  })
})
