import { describe, expect, it } from 'vitest'
import { connect, echoEverything, nextStream } from '../connected-pair.ts'
import { collect, until } from '../harness.ts'

describe('byte streams', () => {
  it('keep the order of many small chunks, which travel together', async () => {
    const pair = await connect()
    const arrived = nextStream(pair)
    const stream = pair.dialer.openStream()
    const expected: string[] = []
    for (let index = 0; index < 20_000; index += 1) {
      const text = `${index};`
      expected.push(text)
      stream.write(Buffer.from(text))
    }
    stream.end()
    expect((await collect(await arrived)).toString()).toBe(expected.join(''))
  })

  it('give a paused reader exactly the stream window', async () => {
    const windowBytes = 65_536
    const pair = await connect({ streamWindowBytes: windowBytes, streamBufferBytes: 100_000 })
    const arrived = nextStream(pair)
    const stream = pair.dialer.openStream()
    for (let index = 0; index < 100; index += 1) stream.write(Buffer.alloc(10_000))
    const remote = await arrived
    await until('nothing moves', () => stream.bufferedBytes === 1_000_000 - windowBytes)
    expect(remote.bufferedBytes).toBe(0)
    stream.end()
    expect(await collect(remote)).toHaveLength(1_000_000)
  })

  it('neither lose nor repeat bytes on a network that loses packets', async () => {
    const pair = await connect({}, 0.03)
    echoEverything(pair)
    const stream = pair.dialer.openStream()
    const echoed = collect(stream)
    const bytes = Buffer.alloc(3_000_000)
    for (let index = 0; index < bytes.length; index += 1) bytes[index] = (index * 31) % 253
    stream.write(bytes)
    stream.end()
    expect(Buffer.compare(await echoed, bytes)).toBe(0)
    await until('losses are told', () => pair.dialer.stats().lostPackets > 0)
  })
})
