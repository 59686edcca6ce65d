import { describe, expect, it, vi } from 'vitest'
import type { Lookup } from '../../src/adapters/host-lookup.ts'
import { seedsDiscovery, seedsMax } from '../../src/adapters/seeds-discovery.ts'
import type { Discovery } from '../../src/discovery.ts'
import type { DiscoveryOptions } from '../../src/options.ts'
import { errorOf } from '../errors.ts'

const invalid = 'ERR_NODOSUM_CONFIG_INVALID'
const noSignal = new AbortController().signal

function lookupOf(names: Record<string, readonly string[]>): Lookup {
  return async (host) => {
    const found = names[host]
    if (found === undefined) throw Object.assign(new Error('no'), { code: 'ENOTFOUND' })
    return found
  }
}

function discovery(
  seeds: readonly string[],
  lookup: Lookup = lookupOf({}),
  options: Partial<DiscoveryOptions> = {},
): Discovery {
  return seedsDiscovery({ seeds, defaultPort: 6_969, lookup, options })
}

describe('seeds', () => {
  it('are found at their addresses and at all addresses of their names, each once', async () => {
    const lookup = lookupOf({ 'shop.internal': ['10.0.0.2', 'fd00::2', '10.0.0.1'] })
    const seeds = ['10.0.0.1', 'shop.internal', '[fd00::3]:7000', '10.0.0.1:6969', '10.0.0.1:1']
    const { addresses, detail } = await discovery(seeds, lookup).find(noSignal)
    expect(addresses).toEqual([
      { host: '10.0.0.1', port: 6_969 },
      { host: '10.0.0.2', port: 6_969 },
      { host: 'fd00::2', port: 6_969 },
      { host: 'fd00::3', port: 7_000 },
      { host: '10.0.0.1', port: 1 },
    ])
    expect(detail).toBe('5 addresses from 5 seeds')
  })

  it('of names follow what the names mean at each look', async () => {
    const names: Record<string, readonly string[]> = { shop: ['10.0.0.1'] }
    const seeds = discovery(['shop'], lookupOf(names))
    expect((await seeds.find(noSignal)).addresses).toEqual([{ host: '10.0.0.1', port: 6_969 }])
    names.shop = ['10.0.0.9']
    expect((await seeds.find(noSignal)).addresses).toEqual([{ host: '10.0.0.9', port: 6_969 }])
  })

  it('that cannot be resolved are told, and do not hide the others', async () => {
    const lookup: Lookup = async (host) => {
      if (host === 'again') throw Object.assign(new Error('no'), { code: 'EAI_AGAIN' })
      if (host === 'odd') throw Object.assign(new Error('no'), { code: 'EODD' })
      if (host === 'rude') throw 'just text'
      return lookupOf({ fine: ['10.0.0.1'], empty: [] })(host)
    }
    const seeds = ['gone', 'fine', 'empty', 'again', 'odd', 'rude']
    const { addresses, detail } = await discovery(seeds, lookup).find(noSignal)
    expect(addresses).toEqual([{ host: '10.0.0.1', port: 6_969 }])
    expect(detail).toContain('gone: ENOTFOUND: the name does not exist')
    expect(detail).toContain('empty: no address')
    expect(detail).toContain('again: EAI_AGAIN: the name server does not answer')
    expect(detail).toContain('odd: EODD')
    expect(detail).toContain('rude: just text')
  })

  it('without any address are no error', async () => {
    expect(await discovery(['gone']).find(noSignal)).toEqual({
      addresses: [],
      reason: 'notFound',
      detail: 'no address from 1 seed; gone: ENOTFOUND: the name does not exist',
    })
    expect(await discovery([]).find(noSignal)).toEqual({
      addresses: [],
      reason: 'empty',
      detail: 'no address from 0 seeds',
    })
  })

  it('tell only the first five problems in words', async () => {
    const seeds = Array.from({ length: 8 }, (_, at) => `gone-${at}`)
    const { detail } = await discovery(seeds).find(noSignal)
    expect(detail).toContain('gone-4')
    expect(detail).not.toContain('gone-5')
    expect(detail).toContain('and 3 more')
  })

  it('give no more addresses than the limit, and tell how many were left out', async () => {
    const many = Array.from({ length: 20 }, (_, at) => `10.0.0.${at + 1}`)
    const seeds = discovery(['shop'], lookupOf({ shop: many }), { addressesMax: 8 })
    const { addresses, detail } = await seeds.find(noSignal)
    expect(addresses.length).toBe(8)
    expect(detail).toContain('12 more left out (addressesMax)')
  })

  it('leave out what a lookup should not have returned', async () => {
    const odd = ['0.0.0.0', 'name', '10.0.0.1', 7, null] as string[]
    const { addresses } = await discovery(['shop'], lookupOf({ shop: odd })).find(noSignal)
    expect(addresses).toEqual([{ host: '10.0.0.1', port: 6_969 }])
    const { detail } = await discovery(['a'], (async () => 'text') as never).find(noSignal)
    expect(detail).toContain('a: the lookup returned no array')
  })

  it('are looked up by the system when no other lookup is given', async () => {
    const seeds = seedsDiscovery({ seeds: ['localhost:7000'], defaultPort: 6_969 })
    const { addresses } = await seeds.find(noSignal)
    expect(['127.0.0.1', '::1']).toContain(addresses[0]?.host)
  })
})

describe('a look', () => {
  it('ends when its signal aborts, before and during', async () => {
    const seeds = discovery(['shop'], () => new Promise(() => {}))
    const before = await errorOf(() => seeds.find(AbortSignal.abort('why')))
    expect([before.code, before.cause]).toEqual(['ERR_NODOSUM_CANCELLED', 'why'])
    const controller = new AbortController()
    const looking = errorOf(() => seeds.find(controller.signal))
    controller.abort()
    expect((await looking).code).toBe('ERR_NODOSUM_CANCELLED')
  })

  it('leaves no timer behind when it ends or is aborted', async () => {
    vi.useFakeTimers()
    try {
      await discovery(['shop'], lookupOf({ shop: ['10.0.0.1'] })).find(noSignal)
      expect(vi.getTimerCount()).toBe(0)
      const controller = new AbortController()
      const hanging = discovery(['shop'], () => new Promise(() => {}))
      const looking = errorOf(() => hanging.find(controller.signal))
      expect(vi.getTimerCount()).toBe(1)
      controller.abort()
      await looking
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('ends with what it has when a name does not answer in time', async () => {
    const lookup: Lookup = (host) =>
      host === 'slow' ? new Promise(() => {}) : Promise.resolve(['10.0.0.1'])
    const seeds = discovery(['slow', 'fast'], lookup, { lookupTimeoutMs: 100 })
    const { addresses, detail } = await seeds.find(noSignal)
    expect(addresses).toEqual([{ host: '10.0.0.1', port: 6_969 }])
    expect(detail).toContain('slow: no answer within 100 ms')
  })
})

describe('the list of seeds', () => {
  it('is refused as a whole with the position of the wrong one', async () => {
    const error = await errorOf(() => discovery(['10.0.0.1', '10.0.0.1:x']))
    expect(error.code).toBe(invalid)
    expect(error.message).toContain('discovery.seeds[1]: "10.0.0.1:x"')
    const where = 'SEEDS'
    const named = await errorOf(() => seedsDiscovery({ seeds: ['['], defaultPort: 1, where }))
    expect(named.message).toContain('SEEDS[0]')
  })

  it(`has at most ${seedsMax}`, async () => {
    const seeds = Array.from({ length: seedsMax }, (_, at) => `host-${at}`)
    expect(discovery(seeds).find).toBeDefined()
    const error = await errorOf(() => discovery([...seeds, 'more']))
    expect([error.code, error.message]).toEqual([
      invalid,
      expect.stringContaining('has 257 entries, at most 256'),
    ])
  })

  it('is refused with a default port or options out of range', async () => {
    for (const defaultPort of [0, 65_536, Number.NaN]) {
      const error = await errorOf(() => seedsDiscovery({ seeds: [], defaultPort }))
      expect([error.code, error.message]).toEqual([invalid, expect.stringContaining('defaultPort')])
    }
    const error = await errorOf(() => discovery([], lookupOf({}), { addressesMax: 0 }))
    expect(error.code).toBe(invalid)
  })
})
