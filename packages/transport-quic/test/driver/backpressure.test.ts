import { isNodosumError } from '@nodosum/kernel'
import type { ByteStream } from '@nodosum/transport'
import { beforeEach, describe, expect, it } from 'vitest'
import { connect, echoEverything, nextStream } from '../connected-pair.ts'
import { collect, type Pair, until } from '../harness.ts'
import { first, pairOf, second } from '../trusted-nodes.ts'

let pair: Pair

describe('backpressure', () => {
  const window = 65_536
  const options = { streamWindowBytes: window, streamBufferBytes: 100_000 }
  beforeEach(async () => {
    pair = await connect(options)
  })

  it('stops the writer when the reader is paused, and lets it continue', async () => {
    const arrived = nextStream(pair)
    const stream = pair.dialer.openStream()
    let writables = 0
    stream.onWritable = () => {
      writables += 1
    }
    stream.write(Buffer.alloc(10))
    const remote = await arrived
    let received = 0
    remote.onData = (chunk) => {
      received += chunk.length
    }
    await until('the first bytes', () => received === 10)
    remote.pause()
    let written = 10
    while (stream.write(Buffer.alloc(10_000, 1))) written += 10_000
    written += 10_000
    // The window takes what it can; then nothing moves any more.
    await until('the window is full', () => stream.bufferedBytes <= written - window + 20_000)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(received).toBe(10)
    expect(stream.bufferedBytes).toBeGreaterThan(options.streamBufferBytes / 2 - window)
    const held = pair.acceptor.stats().receivedBytes
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(pair.acceptor.stats().receivedBytes - held).toBeLessThan(2_000)
    remote.resume()
    await until('everything arrives', () => received === written)
    expect(writables).toBeGreaterThan(0)
    expect(stream.write(Buffer.alloc(1))).toBe(true)
  })

  it('bounds what a paused reader can be sent to the stream window', async () => {
    const arrived = nextStream(pair)
    const stream = pair.dialer.openStream()
    for (let index = 0; index < 100; index += 1) stream.write(Buffer.alloc(10_000))
    const remote = await arrived
    await until('nothing moves', () => stream.bufferedBytes === 1_000_000 - window)
    expect(remote.bufferedBytes).toBe(0)
    await collectAndEnd(remote, stream, 1_000_000)
  })

  it('lets a fast reader go on beside a slow one', async () => {
    const streams: ByteStream[] = []
    pair.acceptor.onStream = (stream) => streams.push(stream)
    const slow = pair.dialer.openStream()
    const fast = pair.dialer.openStream()
    slow.write(Buffer.alloc(500_000))
    fast.write(Buffer.alloc(4_000_000, 2))
    fast.end()
    await until('both arrived', () => streams.length === 2)
    const remoteSlow = streams.find((stream) => stream.id === slow.id) as ByteStream
    const remoteFast = streams.find((stream) => stream.id === fast.id) as ByteStream
    remoteSlow.pause()
    remoteSlow.onData = () => {
      throw new Error('the slow one is paused')
    }
    expect(await collect(remoteFast)).toHaveLength(4_000_000)
    expect(slow.bufferedBytes).toBeGreaterThan(300_000)
  })

  it('takes effect before the next onData when pause is called inside one', async () => {
    const arrived = nextStream(pair)
    const stream = pair.dialer.openStream()
    stream.write(Buffer.alloc(60_000))
    stream.end()
    const remote = await arrived
    let calls = 0
    let received = 0
    let ended = false
    remote.onEnd = () => {
      ended = true
    }
    remote.onData = (chunk) => {
      calls += 1
      received += chunk.length
      remote.pause()
    }
    let resumes = 0
    while (!ended) {
      const before = calls
      await until('a chunk or the end', () => calls > before || ended || resumes === 0)
      expect(calls).toBeLessThanOrEqual(resumes + 1)
      await new Promise((resolve) => setImmediate(resolve))
      expect(calls).toBeLessThanOrEqual(resumes + 1)
      if (received === 60_000) expect(ended).toBe(false)
      resumes += 1
      remote.resume()
      await until('progress', () => calls > before || ended)
      if (received === 60_000) {
        remote.resume()
        await until('the end', () => ended)
      }
    }
    expect(received).toBe(60_000)
  })

  it('resets a stream whose writer ignores every false', async () => {
    await pair.close()
    pair = await connect({ streamBufferBytes: 16_384, streamBufferBytesMax: 1_048_576 })
    const stream = pair.dialer.openStream()
    let code: number | null = null
    stream.onReset = (given) => {
      code = given
    }
    for (let index = 0; index < 200 && code === null; index += 1) stream.write(Buffer.alloc(10_000))
    expect(code).not.toBeNull()
    expect(stream.bufferedBytes).toBe(0)
    expect(pair.dialer.openStream().write(Buffer.alloc(10))).toBe(true)
  })
})

describe('stream limits', () => {
  it('refuse a stream of this end with a coded error, and recover', async () => {
    pair = await connect({ streamsMax: 8 })
    echoEverything(pair)
    const streams = Array.from({ length: 8 }, () => pair.dialer.openStream())
    let code: string | undefined
    try {
      pair.dialer.openStream()
    } catch (error) {
      code = isNodosumError(error) ? error.code : undefined
    }
    expect(code).toBe('ERR_NODOSUM_LIMIT_STREAMS')
    const answer = collect(streams[0] as ByteStream)
    streams[0]?.end()
    await answer
    expect(pair.dialer.openStream().id).toBe(32)
  })

  it('reset a stream of the peer that is one too many', async () => {
    pair = await pairOf({ credentials: first }, { credentials: second, options: { streamsMax: 8 } })
    const streams: ByteStream[] = []
    pair.acceptor.onStream = (stream) => streams.push(stream)
    const opened = Array.from({ length: 9 }, () => pair.dialer.openStream())
    const resets: number[] = []
    for (const stream of opened) {
      stream.onReset = () => resets.push(stream.id)
      stream.write(Buffer.from('x'))
    }
    await until('one is refused', () => resets.length === 1)
    expect(streams).toHaveLength(8)
  })
})

describe('a network that loses packets', () => {
  it('delays bytes, but neither loses nor repeats them', async () => {
    pair = await connect({}, 0.03)
    echoEverything(pair)
    const stream = pair.dialer.openStream()
    const echoed = collect(stream)
    const bytes = Buffer.alloc(3_000_000)
    for (let index = 0; index < bytes.length; index += 1) bytes[index] = (index * 31) % 253
    stream.write(bytes)
    stream.end()
    expect(Buffer.compare(await echoed, bytes)).toBe(0)
    expect(pair.dialer.stats().lostPackets).toBeGreaterThan(0)
  })
})

async function collectAndEnd(remote: ByteStream, local: ByteStream, length: number): Promise<void> {
  local.end()
  expect(await collect(remote)).toHaveLength(length)
}
