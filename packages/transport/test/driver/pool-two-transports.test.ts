import { parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import type { Connection } from '../../src/index.ts'
import { codeOf, type FakeTransport, poolWorld, settle, twoAddresses } from '../pool-world.ts'

const a = parseNodeId('a')
const b = parseNodeId('b')
const c = parseNodeId('c')

describe('a pool with two transports', () => {
  const kinds = ['quic', 'h2'] as const
  const addresses = [{ host: '10.0.0.1', udpPort: 1, tcpPort: 2 }]

  it('dials the preferred one alone when it answers in time', async () => {
    const { pool, transports, scheduler, warnings } = poolWorld({}, { kinds, addresses })
    const dialed = pool.dial(a)
    await settle()
    scheduler.runFor(999)
    const connection = transports[0]?.dials[0]?.succeed()
    expect(await dialed).toBe(connection)
    scheduler.runFor(10)
    await settle()
    expect([transports[1]?.dials.length, warnings]).toEqual([0, []])
  })

  it('races the other after a second, takes the first, and says so', async () => {
    const { pool, transports, scheduler, warnings } = poolWorld({}, { kinds, addresses })
    const dialed = pool.dial(a)
    await settle()
    scheduler.runFor(1_000)
    await settle()
    const [quic, h2] = transports
    expect(h2?.dials.map(({ remote }) => remote)).toEqual([{ host: '10.0.0.1', port: 2 }])
    expect(quic?.dialing).toHaveLength(1)
    const connection = h2?.dials[0]?.succeed()
    expect(await dialed).toBe(connection)
    await settle()
    expect(quic?.dialing).toHaveLength(0)
    expect(warnings).toEqual(['transport.fallback'])
    expect(pool.snapshot().counters).toMatchObject({ dialed: 1, fellBack: 1 })
  })

  it('tries the other at once when the preferred one fails, and tells of both', async () => {
    const { pool, transports } = poolWorld({}, { kinds, addresses })
    const dialed = pool.dial(a).catch((error: unknown) => error)
    await settle()
    transports[0]?.dials[0]?.fail('ERR_NODOSUM_CONNECTION_LOST')
    await settle()
    transports[1]?.dials[0]?.fail('ERR_NODOSUM_CONNECT_TIMEOUT')
    expect(await dialed).toMatchObject({
      code: 'ERR_NODOSUM_CONNECTION_LOST',
      message: '10.0.0.1 failed over quic; and 10.0.0.1 failed over h2',
    })
  })

  it('says that the certificate was refused rather than that nobody answered, whichever it was', async () => {
    for (const refusing of [0, 1]) {
      const { pool, transports } = poolWorld({}, { kinds, addresses })
      const dialed = pool.dial(a).catch((error: unknown) => error)
      await settle()
      const codes = ['ERR_NODOSUM_CONNECT_TIMEOUT', 'ERR_NODOSUM_CONNECT_TIMEOUT'] as const
      for (const [index, code] of codes.entries()) {
        const of = index === refusing ? 'ERR_NODOSUM_CERT_UNTRUSTED' : code
        transports[index]?.dials[0]?.fail(of, { remote: true })
        await settle()
      }
      const error = (await dialed) as { cause: AggregateError }
      expect(error).toMatchObject({
        code: 'ERR_NODOSUM_CERT_UNTRUSTED',
        details: { remote: true },
      })
      const both = error.cause.errors.map(({ code }: { code: string }) => code)
      expect(both).toEqual(['ERR_NODOSUM_CERT_UNTRUSTED', 'ERR_NODOSUM_CONNECT_TIMEOUT'])
      expect(pool.snapshot().breakers).toMatchObject([{ lastError: 'ERR_NODOSUM_CERT_UNTRUSTED' }])
    }
  })

  it('remembers which one reached the peer, and dials it first for a while', async () => {
    const world = poolWorld({ fallbackMemoryMs: 10_000 }, { kinds, addresses })
    const { pool, transports, scheduler, warnings } = world
    const [quic, h2] = transports as [FakeTransport, FakeTransport]
    /** Which transports a dial is made over at once. */
    const dialedFirst = async (): Promise<Connection['kind'][]> => {
      const dialed = pool.dial(a)
      await settle()
      const first = [...quic.dialing, ...h2.dialing].map(({ kind }) => kind)
      scheduler.runFor(1_000)
      await settle()
      h2.dialing[0]?.succeed()
      await (await dialed).close()
      await settle()
      return first
    }
    expect(await dialedFirst()).toEqual(['quic'])
    for (let dial = 0; dial < 9; dial++) expect(await dialedFirst()).toEqual(['h2'])
    expect(warnings).toEqual(['transport.fallback'])
    // What it learns meanwhile does not make it remember for longer.
    scheduler.runFor(1_000)
    expect(await dialedFirst()).toEqual(['quic'])
    expect(await dialedFirst()).toEqual(['h2'])
    pool.forget(a)
    expect(await dialedFirst()).toEqual(['quic'])
    expect(pool.snapshot().counters).toMatchObject({ dialed: 13, fellBack: 13 })
  })

  it('goes back to the preferred one when that one is faster again', async () => {
    const { pool, transports, scheduler } = poolWorld({}, { kinds, addresses })
    const [quic, h2] = transports as [FakeTransport, FakeTransport]
    const first = pool.dial(a)
    await settle()
    scheduler.runFor(1_000)
    await settle()
    h2.dialing[0]?.succeed()
    await (await first).close()
    const second = pool.dial(a)
    await settle()
    scheduler.runFor(1_000)
    await settle()
    expect([h2.dialing.length, quic.dialing.length]).toEqual([1, 1])
    quic.dialing[0]?.succeed()
    await (await second).close()
    void pool.dial(a)
    await settle()
    expect([h2.dialing.length, quic.dialing.length]).toEqual([0, 1])
  })

  it('remembers that of a bounded number of peers, the latest', async () => {
    const parts = { kinds, addresses, expectIdentity: true }
    const { pool, transports, scheduler } = poolWorld({ fallbacksMax: 2 }, parts)
    const [quic, h2] = transports as [FakeTransport, FakeTransport]
    for (const peer of [a, b, c]) {
      const dialed = pool.dial(peer)
      await settle()
      scheduler.runFor(1_000)
      await settle()
      h2.dialing[0]?.succeed()
      await (await dialed).close()
      await settle()
    }
    for (const peer of [a, b, c]) void pool.dial(peer)
    await settle()
    expect(quic.dialing.map(({ options }) => options.expect)).toEqual([a])
    expect(h2.dialing.map(({ options }) => options.expect)).toEqual([b, c])
  })

  it('closes a connection of the slower one that comes up all the same', async () => {
    const { pool, transports, scheduler } = poolWorld({}, { kinds, addresses })
    const [quic, h2] = transports
    if (quic !== undefined) quic.ignoresAborts = true
    const dialed = pool.dial(a)
    await settle()
    scheduler.runFor(1_000)
    await settle()
    h2?.dials[0]?.succeed()
    await dialed
    const late = quic?.dials[0]?.succeed()
    await settle()
    expect([late?.isGone, pool.size]).toEqual([true, 1])
  })

  it('dials only where the peer listens', async () => {
    const { pool, transports } = poolWorld({}, { kinds, addresses: twoAddresses })
    const dialed = codeOf(pool.dial(a))
    await settle()
    transports[0]?.dials[0]?.fail()
    await settle()
    transports[0]?.dials[1]?.fail()
    expect(await dialed).toBe('ERR_NODOSUM_CONNECT_TIMEOUT')
    expect(transports[1]?.dials).toEqual([])
  })
})
