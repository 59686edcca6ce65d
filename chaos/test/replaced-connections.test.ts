/** Briefly; `npm run chaos -- replacements` sends 10 million messages over each transport. */
import { describe, expect, it } from 'vitest'
import { transportKinds } from '../src/conformance/transports.ts'
import { replaceConnections } from '../src/replaced-connections.ts'

describe('a session under load whose connection is replaced and broken all the time', () => {
  it.each(transportKinds)(
    'loses, repeats and reorders nothing over %s',
    async (transport) => {
      const messages = 400_000
      const books = await replaceConnections({ transport, messages, everyMs: 50 })
      expect(books).toMatchObject({ sent: messages, received: messages, wrong: 0, ended: [] })
      // A fault that never happens tests nothing.
      expect(books.replaced).toBeGreaterThan(3)
      expect(books.broken).toBeGreaterThan(0)
    },
    120_000,
  )
})
