/** QUIC over the narrowest path that IPv6 allows. */
import { describe, expect, it } from 'vitest'
import { runNarrowPath } from '../src/narrow-path/run-narrow-path.ts'

describe('an IPv6 path of 1,280 bytes', () => {
  it.each(['auto', 1_452] as const)(
    'that drops fragments carries a connection, with packetBytes %s',
    async (packetBytes) => {
      const report = await runNarrowPath({ packetBytes, dropsFragments: true, bytes: 300_000 })
      expect(report).toMatchObject({
        code: 'none',
        echoed: 300_000,
        handshakeBytes: 1_200,
        handshakeFragments: 0,
      })
    },
    60_000,
  )

  it('never sees a fragment of a node with packetBytes 1200', async () => {
    const run = { packetBytes: 1_200, dropsFragments: false, bytes: 300_000 }
    expect(await runNarrowPath(run)).toMatchObject({
      code: 'none',
      echoed: 300_000,
      packetBytes: 1_200,
      handshakeFragments: 0,
      fragments: 0,
    })
  }, 60_000)
})
