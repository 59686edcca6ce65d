import { describe, expect, it } from 'vitest'
import { severalDiscoveries } from '../../src/adapters/several-discoveries.ts'
import type { Discovery, Found, NothingFound } from '../../src/discovery.ts'

const noSignal = new AbortController().signal

function fixed(reason: NothingFound | null, ...hosts: string[]): Discovery {
  const addresses = hosts.map((host) => ({ host, port: 1 }))
  const detail = `${hosts.length} found`
  return { find: async (): Promise<Found> => ({ addresses, reason, detail }) }
}

describe('several sources', () => {
  it('bring the addresses of all, each once, and what each of them said', async () => {
    const both = severalDiscoveries({
      seeds: fixed(null, '10.0.0.1', '10.0.0.2'),
      dns: fixed(null, '10.0.0.2'),
      file: fixed('notFound'),
    })
    expect(await both.find(noSignal)).toEqual({
      addresses: [
        { host: '10.0.0.1', port: 1 },
        { host: '10.0.0.2', port: 1 },
      ],
      reason: null,
      detail: 'seeds: 2 found; dns: 1 found; file: 0 found',
    })
  })

  it('that all bring nothing have the reason of the first', async () => {
    const both = severalDiscoveries({ dns: fixed('timedOut'), file: fixed('notFound') })
    expect(await both.find(noSignal)).toMatchObject({ addresses: [], reason: 'timedOut' })
  })

  it('of which there is one are that one', () => {
    const only = fixed('empty')
    expect(severalDiscoveries({ dns: only })).toBe(only)
  })
})
