import type { SimulatedScheduler } from '@nodosum/testkit'
import { simulatedScheduler } from '@nodosum/testkit'
import { describe, expect, it } from 'vitest'
import type { Address } from '../../../src/fault-proxy/address.ts'
import type { FaultChange, UdpFaults } from '../../../src/fault-proxy/core/faults.ts'
import { UdpProxy } from '../../../src/fault-proxy/driver/udp-proxy.ts'
import { type UdpLimits, udpLimitOptions } from '../../../src/fault-proxy/limit-options.ts'
import type { DatagramSocket, OnDatagram } from '../../../src/fault-proxy/ports.ts'

const upstream: Address = { host: '10.0.0.9', port: 9 }
const client = (number: number): Address => ({ host: '10.0.0.1', port: number })

/** A socket that remembers what was sent through it. */
interface FakeSocket extends DatagramSocket {
  readonly sent: { readonly text: string; readonly to: Address; readonly atMs: number }[]
  readonly receive: OnDatagram
  isClosed: boolean
  refuses: boolean
}

interface World {
  readonly scheduler: SimulatedScheduler
  readonly proxy: UdpProxy
  /** The socket before the clients, then one for each session. */
  readonly sockets: FakeSocket[]
  readonly from: (address: Address, text: string) => void
  readonly reply: (session: number, text: string) => void
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

async function world(
  faults: FaultChange<UdpFaults> = {},
  limits: Partial<UdpLimits> = {},
): Promise<World> {
  const scheduler = simulatedScheduler()
  const sockets: FakeSocket[] = []
  const make = (address: Address, onDatagram: OnDatagram): FakeSocket => {
    const socket: FakeSocket = {
      address,
      sent: [],
      receive: onDatagram,
      isClosed: false,
      refuses: false,
      send: (bytes, to, sent) => {
        if (!socket.refuses) socket.sent.push({ text: textOf(bytes), to, atMs: scheduler.nowMs() })
        sent(!socket.refuses)
      },
      close: async () => {
        socket.isClosed = true
      },
    }
    sockets.push(socket)
    return socket
  }
  const proxy = await UdpProxy.start(
    { to: upstream, faults, seed: 'test', scheduler },
    udpLimitOptions.parse(limits),
    { listen: async (at, onDatagram) => make(at, onDatagram), open: make },
    { host: '10.0.0.5', port: 5 },
  )
  return {
    scheduler,
    proxy,
    sockets,
    from: (address, text) => sockets[0]?.receive(Buffer.from(text), address),
    reply: (session, text) => sockets[session]?.receive(Buffer.from(text), upstream),
  }
}

const texts = (socket: FakeSocket | undefined): string[] =>
  socket?.sent.map(({ text }) => text) ?? []

/** What came in is somewhere. */
function expectNothingMissing(proxy: UdpProxy): void {
  for (const direction of ['forward', 'backward'] as const) {
    const one = proxy.counters[direction]
    expect(one.received + one.duplication).toBe(
      one.delivered +
        one.loss +
        one.blackhole +
        one.halfOpen +
        one.overflow +
        one.discarded +
        one.failed +
        proxy.underWay[direction],
    )
  }
}

describe('a proxy of datagrams', () => {
  it('has one upstream socket for each client, and brings each reply to its own', async () => {
    const { from, reply, sockets, proxy } = await world()
    from(client(1), 'a')
    from(client(2), 'b')
    from(client(1), 'c')
    expect(sockets).toHaveLength(3)
    expect([texts(sockets[1]), texts(sockets[2])]).toEqual([['a', 'c'], ['b']])
    expect(sockets[1]?.sent[0]?.to).toEqual(upstream)
    reply(2, 'to b')
    reply(1, 'to a')
    expect(sockets[0]?.sent.map(({ text, to }) => [text, to.port])).toEqual([
      ['to b', 2],
      ['to a', 1],
    ])
    expect(proxy.sessions).toBe(2)
    expectNothingMissing(proxy)
  })

  it('ignores who is not the upstream', async () => {
    const { from, sockets, proxy } = await world()
    from(client(1), 'a')
    sockets[1]?.receive(Buffer.from('forged'), { host: upstream.host, port: 8 })
    sockets[1]?.receive(Buffer.from('forged'), { host: '10.0.0.8', port: upstream.port })
    expect(sockets[0]?.sent).toEqual([])
    expect(proxy.counters.backward.received).toBe(0)
  })

  it('delays each direction as told, and both stay on their own', async () => {
    const { from, reply, sockets, scheduler } = await world({
      delayMs: 50,
      backward: { delayMs: 10 },
    })
    from(client(1), 'there')
    scheduler.runFor(49)
    expect(sockets[1]?.sent).toEqual([])
    scheduler.runFor(1)
    expect(sockets[1]?.sent[0]?.atMs).toBe(50)
    reply(1, 'back')
    scheduler.runFor(100)
    expect(sockets[0]?.sent[0]?.atMs).toBe(60)
  })

  it('counts what was overtaken', async () => {
    const { from, sockets, scheduler, proxy } = await world({ delayMs: 50, jitterMs: 50 })
    for (let at = 0; at < 200; at++) {
      from(client(1), String(at))
      scheduler.runFor(1)
    }
    scheduler.runFor(100)
    let latest = -1
    const late = texts(sockets[1]).filter((text) => {
      if (Number(text) < latest) return true
      latest = Number(text)
      return false
    })
    expect(proxy.counters.forward.overtaken).toBe(late.length)
    expect(late.length).toBeGreaterThan(100)
    expectNothingMissing(proxy)
  })

  it('overtakes those that reordering holds back', async () => {
    const { from, sockets, scheduler, proxy } = await world({ forward: { reordering: 1 } })
    from(client(1), 'first')
    proxy.set({ reordering: 0 })
    from(client(1), 'second')
    scheduler.runFor(10)
    expect(texts(sockets[1])).toEqual(['second', 'first'])
    proxy.expectFired('reordering', { direction: 'forward' })
    expect(proxy.counters.forward.overtaken).toBe(1)
  })

  it('is changed while it runs, in one direction', async () => {
    const { from, reply, sockets, proxy } = await world({ loss: 1 })
    from(client(1), 'lost')
    proxy.set({ forward: { loss: 0 } })
    from(client(1), 'seen')
    reply(1, 'lost too')
    expect([texts(sockets[1]), texts(sockets[0])]).toEqual([['seen'], []])
    proxy.clear()
    reply(1, 'seen')
    expect(texts(sockets[0])).toEqual(['seen'])
    expect(() => proxy.set({ loss: 2 })).toThrow('loss: expected a number from 0 to 1, got 2')
    expect(proxy.faults.forward.loss).toBe(0)
    expectNothingMissing(proxy)
  })

  it('holds everything while it is stalled, also what was under way, and lets it go after', async () => {
    const { from, sockets, scheduler, proxy } = await world({ delayMs: 10 })
    from(client(1), 'a')
    proxy.set({ stall: true })
    from(client(1), 'b')
    scheduler.runFor(10_000)
    expect(sockets[1]?.sent).toEqual([])
    expect(scheduler.pendingTimers).toBe(1)
    proxy.set({ stall: false })
    expect(texts(sockets[1])).toEqual(['a', 'b'])
    expect(proxy.counters.forward.stall).toBe(1)
    expectNothingMissing(proxy)
  })

  it.each([
    ['packets', { queuePacketsMax: 3 }],
    ['bytes', { queueBytesMax: 6 }],
  ])('holds a bounded number of %s, and counts the rest as overflow', async (_, limits) => {
    const { from, sockets, proxy } = await world({ stall: true }, limits)
    for (const text of ['11', '22', '33', '44', '55']) from(client(1), text)
    proxy.set({ stall: false })
    expect(texts(sockets[1])).toEqual(['11', '22', '33'])
    expect(proxy.counters.forward).toMatchObject({ received: 5, overflow: 2, delivered: 3 })
    expectNothingMissing(proxy)
  })

  it('takes no more clients than it may, and counts theirs as overflow', async () => {
    const { from, sockets, proxy } = await world({}, { sessionsMax: 2 })
    for (const number of [1, 2, 3, 1]) from(client(number), 'x')
    expect(sockets).toHaveLength(3)
    expect(proxy.counters.forward).toMatchObject({ received: 4, delivered: 3, overflow: 1 })
    expectNothingMissing(proxy)
  })

  it('forgets a client that is idle, and not one that gets or awaits something', async () => {
    const { from, reply, sockets, scheduler, proxy } = await world(
      { backward: { delayMs: 5_000 } },
      { sessionIdleMs: 1_000 },
    )
    for (const number of [1, 2, 3]) from(client(number), 'x')
    reply(3, 'takes its time')
    for (let seconds = 0; seconds < 3; seconds += 0.5) {
      scheduler.runFor(500)
      from(client(2), 'still here')
    }
    expect(sockets.map(({ isClosed }) => isClosed)).toEqual([false, true, false, false])
    expect(proxy.sessions).toBe(2)
    scheduler.runFor(10_000)
    expect(texts(sockets[0])).toEqual(['takes its time'])
    expect(proxy.sessions).toBe(0)
    expect(scheduler.pendingTimers).toBe(0)
    from(client(1), 'again')
    expect(texts(sockets[4])).toEqual(['again'])
  })

  it('counts what the system refuses', async () => {
    const { from, sockets, proxy } = await world()
    from(client(1), 'taken')
    ;(sockets[1] as FakeSocket).refuses = true
    from(client(1), 'refused')
    expect(proxy.counters.forward).toMatchObject({ delivered: 1, failed: 1 })
    expectNothingMissing(proxy)
  })

  it('leaves no socket and no timer when it is closed, and counts what it discards', async () => {
    const { from, sockets, scheduler, proxy } = await world({ delayMs: 50, duplication: 1 })
    from(client(1), 'x')
    await proxy.close()
    await proxy.close()
    from(client(1), 'too late')
    expect(sockets.map(({ isClosed }) => isClosed)).toEqual([true, true])
    expect(scheduler.pendingTimers).toBe(0)
    expect(proxy.counters.forward).toMatchObject({ received: 1, duplication: 1, discarded: 2 })
    expectNothingMissing(proxy)
  })

  it('does the same again for the same seed', async () => {
    const faults = { loss: 0.2, duplication: 0.2, delayMs: 20, jitterMs: 20, corruption: 0.2 }
    const runs = await Promise.all(
      [1, 2].map(async () => {
        const { from, sockets, scheduler } = await world(faults)
        for (let at = 0; at < 100; at++) from(client(1), `packet ${at}`)
        scheduler.runFor(100)
        return sockets[1]?.sent
      }),
    )
    expect(runs[0]?.length).toBeGreaterThan(80)
    expect(runs[1]).toEqual(runs[0])
  })
})
