import type { Discovery, Found, HostPort } from '../discovery.ts'

/** Asks several sources at once; who finds nothing holds up nobody's addresses, and says why. */
export function severalDiscoveries(sources: Readonly<Record<string, Discovery>>): Discovery {
  const named = Object.entries(sources)
  const [only] = named
  if (only !== undefined && named.length === 1) return only[1]
  return {
    find: async (signal): Promise<Found> => {
      const looks = named.map(async ([name, source]) => ({ name, ...(await source.find(signal)) }))
      const found = await Promise.all(looks)
      const addresses = new Map<string, HostPort>()
      for (const address of found.flatMap((one) => one.addresses)) {
        addresses.set(`${address.host} ${address.port}`, address)
      }
      const reason = addresses.size > 0 ? null : (found[0]?.reason ?? 'notConfigured')
      const detail = found.map((one) => `${one.name}: ${one.detail}`).join('; ')
      return { addresses: [...addresses.values()], reason, detail }
    },
  }
}
