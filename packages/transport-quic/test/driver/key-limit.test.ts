import { describe, expect, it } from 'vitest'
import { until } from '../harness.ts'
import { first, pairOf, second } from '../trusted-nodes.ts'

describe('the keys of a connection', () => {
  it('seal keyPacketsMax packets and no more: it closes in order', async () => {
    const options = { packetBytes: 1_200, keyPacketsMax: 1_000 }
    const { dialer, acceptor } = await pairOf(
      { credentials: first, options },
      { credentials: second },
    )
    let received = 0
    acceptor.onStream = (stream) => {
      stream.onData = (chunk) => {
        received += chunk.length
      }
    }
    const stream = dialer.openStream()
    const pump = (): void => {
      while (stream.write(Buffer.alloc(10_000)));
    }
    stream.onWritable = pump
    pump()
    await until('packets are counted', () => dialer.stats().sentPackets > 500)
    const near = await dialer.closed
    expect(near.error?.message).toContain('keyPacketsMax')
    expect((await acceptor.closed).remote).toBe(true)
    // What was written before has arrived; a few packets more were needed to bring it over.
    expect(received).toBeGreaterThan(1_000_000)
    expect(received % 10_000).toBe(0)
  })
})
