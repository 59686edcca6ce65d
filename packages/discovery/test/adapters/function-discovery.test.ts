import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  callsMax,
  type DiscoveryFunction,
  functionDiscovery,
} from '../../src/adapters/function-discovery.ts'
import type { Discovery, Found } from '../../src/discovery.ts'
import type { DiscoveryOptions } from '../../src/options.ts'
import { errorOf } from '../errors.ts'

const noSignal = new AbortController().signal

function discovery(find: unknown, options: Partial<DiscoveryOptions> = {}): Discovery {
  const lookup = async (): Promise<string[]> => ['10.0.0.7']
  return functionDiscovery({
    find: find as DiscoveryFunction,
    defaultPort: 6_969,
    lookup,
    options,
  })
}

function found(find: unknown, options?: Partial<DiscoveryOptions>): Promise<Found> {
  return discovery(find, options).find(noSignal)
}

describe('a function', () => {
  it('may return seeds and addresses, at once or later', async () => {
    const entries = ['10.0.0.1', 'shop:7000', { host: 'fd00::1', port: 1 }, { host: 'a', port: 2 }]
    const addresses = [
      { host: '10.0.0.1', port: 6_969 },
      { host: '10.0.0.7', port: 7_000 },
      { host: 'fd00::1', port: 1 },
      { host: '10.0.0.7', port: 2 },
    ]
    const detail = '4 addresses from 4 of 4 entries of the discovery function'
    const reason = null
    expect(await found(() => entries)).toEqual({ addresses, reason, detail })
    expect(await found(async () => entries)).toEqual({ addresses, reason, detail })
  })

  it('is asked anew at each look', async () => {
    let count = 0
    const growing = discovery(() => [`10.0.0.${++count}`])
    await growing.find(noSignal)
    expect((await growing.find(noSignal)).addresses).toEqual([{ host: '10.0.0.2', port: 6_969 }])
  })

  it.each([
    ['throws', () => Promise.reject(new Error('the registry is down')), 'registry is down'],
    [
      'throws at once',
      () => {
        throw new TypeError('no registry')
      },
      'TypeError: no registry',
    ],
    ['throws nothing', () => Promise.reject(undefined), 'failed: undefined'],
    ['throws what cannot be shown', () => Promise.reject(Object.create(null)), 'cannot be shown'],
    ['throws a novel', () => Promise.reject(new Error('x'.repeat(10_000))), 'failed: Error: xxx'],
    ['returns nothing', () => undefined, 'returned no array'],
    ['returns text', () => '10.0.0.1', 'returned no array'],
    ['returns an object', () => ({ length: 1, 0: '10.0.0.1' }), 'returned no array'],
  ])('that %s is told in the detail', async (_, find, words) => {
    const { addresses, reason, detail } = await found(find)
    expect(addresses).toEqual([])
    expect(reason).toBe(words.includes('no array') ? 'malformed' : 'failed')
    expect(detail).toMatch(/^no address from the discovery function; it /)
    expect(detail).toContain(words)
    expect(detail.length).toBeLessThan(400)
  })

  it('does not hide its good entries behind wrong ones', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const wrong = [7, null, 'https://x', { host: 'a' }, proxy, { host: '0.0.0.0', port: 1 }]
    const { addresses, detail } = await found(() => [...wrong, '10.0.0.1'])
    expect(addresses).toEqual([{ host: '10.0.0.1', port: 6_969 }])
    expect(detail).toContain(
      '1 address from 1 of 7 entries of the discovery function; entry 0: "number" is no text',
    )
    expect(detail).toContain('entry 2: "https://x" is a URL')
    expect(detail).toContain('entry 4: TypeError')
    expect(detail).not.toContain('entry 5')
  })

  it('may return any number of entries, of which only the limit is looked at', async () => {
    const entries = Array.from({ length: 50_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`)
    const { addresses, detail } = await found(() => entries, { addressesMax: 10 })
    expect(addresses.length).toBe(10)
    expect(detail).toContain('49990 more entries left out (addressesMax)')
  })

  it('may return anything: only dialable addresses and bounded words come out', async () => {
    const entry = fc.oneof(fc.anything(), fc.string(), fc.ipV4(), fc.ipV6(), fc.webUrl())
    const answer = fc.oneof(fc.anything(), fc.array(entry, { maxLength: 12 }))
    const property = fc.asyncProperty(answer, async (value) => {
      const { addresses, detail } = await found(() => value, { addressesMax: 8 })
      expect(addresses.length).toBeLessThanOrEqual(8)
      for (const { host, port } of addresses) {
        expect(host).toMatch(/^[0-9a-f.:%]+$/i)
        expect(port).toBeGreaterThan(0)
      }
      expect(detail.length).toBeLessThan(5_000)
    })
    await fc.assert(property, { numRuns: 300 })
  })
})

describe('a function that hangs', () => {
  it('is not waited for, and learns that by its signal', async () => {
    let asked: AbortSignal | undefined
    const hanging = (signal: AbortSignal): Promise<never> => {
      asked = signal
      return new Promise(() => {})
    }
    expect(await found(hanging, { lookupTimeoutMs: 100 })).toEqual({
      addresses: [],
      reason: 'timedOut',
      detail: 'no address from the discovery function; it did not answer within 100 ms',
    })
    expect(asked?.aborted).toBe(true)
  })

  it('is not called again while 4 of its calls hang', async () => {
    const endings: ((entries: string[]) => void)[] = []
    const find = vi.fn(() => new Promise<string[]>((resolve) => endings.push(resolve)))
    const hanging = discovery(find, { lookupTimeoutMs: 100 })
    await Promise.all(Array.from({ length: callsMax }, () => hanging.find(noSignal)))
    const { detail } = await hanging.find(noSignal)
    expect(detail).toContain('has 4 earlier calls that never ended')
    expect(find).toHaveBeenCalledTimes(callsMax)
    endings[0]?.([])
    const again = async (): Promise<string> => (await hanging.find(noSignal)).detail
    await expect.poll(again).toContain('did not answer')
    expect(find).toHaveBeenCalledTimes(callsMax + 1)
  })

  it('ends with the look when that is aborted, and leaves no timer behind', async () => {
    vi.useFakeTimers()
    try {
      const controller = new AbortController()
      let asked: AbortSignal | undefined
      const looking = errorOf(() =>
        discovery((signal: AbortSignal) => {
          asked = signal
          return new Promise(() => {})
        }).find(controller.signal),
      )
      expect([vi.getTimerCount(), asked?.aborted]).toEqual([1, false])
      controller.abort('enough')
      const error = await looking
      expect([error.code, error.cause]).toEqual(['ERR_NODOSUM_CANCELLED', 'enough'])
      expect([vi.getTimerCount(), asked?.aborted]).toEqual([0, true])
    } finally {
      vi.useRealTimers()
    }
  })

  it('may fail after nobody waits for it any more', async () => {
    let fail: (reason: Error) => void = () => {}
    const hanging = discovery(() => new Promise((_, reject) => (fail = reject)), {
      lookupTimeoutMs: 100,
    })
    await hanging.find(noSignal)
    fail(new Error('too late'))
    expect((await hanging.find(AbortSignal.abort()).catch((error) => error)).code).toBe(
      'ERR_NODOSUM_CANCELLED',
    )
  })
})

describe('the options of a function', () => {
  it('are refused out of range', async () => {
    const find = (): string[] => []
    for (const run of [
      () => functionDiscovery({ find, defaultPort: 0 }),
      () => functionDiscovery({ find, defaultPort: 1, options: { lookupTimeoutMs: 1 } }),
    ]) {
      expect((await errorOf(run)).code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    }
  })
})
