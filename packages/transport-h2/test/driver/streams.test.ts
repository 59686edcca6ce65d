import type { ByteStream, Connection } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { closers, collect, echo, pair, second, start, until } from '../nodes.ts'
import { listenHttp2 } from '../raw-peer.ts'

function nextStream(connection: Connection): Promise<ByteStream> {
  return new Promise((resolve) => {
    connection.onStream = resolve
  })
}

describe('a stream that the acceptor opens', () => {
  it('arrives in order with everything written before its HTTP/2 stream was there', async () => {
    const { dialer, acceptor } = await pair()
    const arrived = nextStream(dialer)
    const stream = acceptor.openStream()
    expect(stream.id % 2).toBe(1)
    const expected: string[] = []
    for (let index = 0; index < 5_000; index += 1) {
      expected.push(`${index};`)
      stream.write(Buffer.from(`${index};`))
    }
    stream.end()
    const remote = await arrived
    expect(remote.id).toBe(stream.id)
    expect((await collect(remote)).toString()).toBe(expected.join(''))
    remote.write(Buffer.from('answer'))
    remote.end()
    expect((await collect(stream)).toString()).toBe('answer')
    await until('both forget it', () => dialer.stats().streams + acceptor.stats().streams === 0)
  })

  it('and resets before its HTTP/2 stream is there reaches the dialer as reset', async () => {
    const { dialer, acceptor } = await pair()
    const codes: number[] = []
    dialer.onStream = (stream) => {
      stream.onReset = (code) => codes.push(code)
    }
    for (let code = 0; code < 50; code += 1) {
      const stream = acceptor.openStream()
      if (code % 2 === 0) stream.write(Buffer.from('x'))
      stream.reset(code)
    }
    await until('all are reset', () => codes.length === 50)
    expect(codes).toEqual(Array.from({ length: 50 }, (_, code) => code))
    expect(dialer.stats().streams + acceptor.stats().streams).toBe(0)
    expect((await dialer.ping()) > 0).toBe(true)
  })

  it('is refused by a full dialer, and that touches no other', async () => {
    const { dialer, acceptor, dialerNode } = await pair({ streamsMax: 8 }, {})
    const arrived: ByteStream[] = []
    dialer.onStream = (stream) => arrived.push(stream)
    const streams = Array.from({ length: 12 }, () => acceptor.openStream())
    const refused: number[] = []
    for (const stream of streams) {
      stream.onReset = () => refused.push(stream.id)
      stream.write(Buffer.from('x'))
    }
    await until('four are refused', () => refused.length === 4)
    await until('eight arrive', () => arrived.length === 8)
    expect(dialerNode.snapshot().counters.refusedStreams).toBe(4)
    const texts = arrived.map(async (stream) => {
      const text = collect(stream)
      stream.end()
      return (await text).toString()
    })
    for (const stream of streams) stream.end()
    expect(await Promise.all(texts)).toEqual(Array.from({ length: 8 }, () => 'x'))
  })
})

describe('both ends', () => {
  it('open streams at the same time, each with its own number and its own bytes', async () => {
    const { dialer, acceptor } = await pair()
    echo(dialer)
    echo(acceptor)
    const answers = [dialer, acceptor].flatMap((end, side) =>
      Array.from({ length: 300 }, async (_, index) => {
        const stream = end.openStream()
        const answer = collect(stream)
        const text = `${side} ${index}`
        stream.write(Buffer.from(text))
        stream.end()
        expect((await answer).toString()).toBe(text)
        return stream.id
      }),
    )
    const ids = await Promise.all(answers)
    expect(new Set(ids).size).toBe(600)
    await until('all are over', () => dialer.stats().streams + acceptor.stats().streams === 0)
  })

  it('reset the same streams at the same time, and nothing is left of them', async () => {
    const { dialer, acceptor } = await pair()
    for (let round = 0; round < 100; round += 1) {
      const arrived = nextStream(acceptor)
      const stream = dialer.openStream()
      stream.write(Buffer.alloc(100_000))
      const remote = await arrived
      stream.reset(1)
      remote.reset(2)
    }
    await until('all are over', () => dialer.stats().streams + acceptor.stats().streams === 0)
    expect((await acceptor.ping()) > 0).toBe(true)
  })

  it('open as many streams as the limit again and again, though each is reset', async () => {
    const { dialer, acceptor } = await pair({ streamsMax: 64 })
    acceptor.onStream = (stream) => {
      stream.onData = () => {}
    }
    for (let round = 0; round < 40; round += 1) {
      const streams = Array.from({ length: 64 }, () => dialer.openStream())
      for (const stream of streams) stream.write(Buffer.from('x'))
      for (const stream of streams) stream.reset(round)
      await dialer.ping()
      await until('there is room', () => acceptor.stats().streams === 0)
    }
  })
})

describe('a paused reader', () => {
  it('keeps its window full while 100 others pass through', async () => {
    const { dialer, acceptor } = await pair({ streamWindowBytes: 65_536 })
    const arrived: ByteStream[] = []
    acceptor.onStream = (stream) => arrived.push(stream)
    const slow = dialer.openStream()
    slow.write(Buffer.alloc(500_000))
    await until('the slow one arrives', () => arrived.length === 1)
    const before = acceptor.stats().receivedBytes
    for (let index = 0; index < 100; index += 1) {
      const stream = dialer.openStream()
      stream.write(Buffer.alloc(100_000, index))
      stream.end()
      await until('the next one arrives', () => arrived.length === index + 2)
      expect(await collect(arrived.at(-1) as ByteStream)).toHaveLength(100_000)
    }
    const received = acceptor.stats().receivedBytes - before
    expect(received).toBeGreaterThan(10_000_000)
    expect(received).toBeLessThan(10_800_000)
    // Of the slow one: its window, and what Node reads before it is told to pause.
    expect(slow.bufferedBytes).toBeGreaterThan(500_000 - 3 * 65_536)
  })

  it('does not make a small message wait for all that was written to another stream', async () => {
    const options = { streamWindowBytes: 67_108_864 }
    const { dialer, acceptor } = await pair(options)
    let bulkBytes = 0
    const small = new Promise<number>((resolve) => {
      acceptor.onStream = (stream) => {
        stream.onData = (chunk) => {
          if (stream.id !== 0) resolve(bulkBytes)
          else if (bulkBytes === 0) dialer.openStream().write(Buffer.from('x'))
          if (stream.id === 0) bulkBytes += chunk.length
        }
      }
    })
    dialer.openStream().write(Buffer.alloc(60_000_000))
    // Not more than the buffers of the system hold.
    expect(await small).toBeLessThan(20_000_000)
    await until('all arrives', () => bulkBytes === 60_000_000)
  })
})

describe('a peer that never lets go of reset streams', () => {
  it('has their number bounded', async () => {
    const listener = await listenHttp2(second, (session) => {
      session.on('stream', (stream) => {
        stream.on('error', () => {})
        stream.respond({ ':status': 200 })
      })
    })
    closers.push(() => listener.close())
    const connection = await start({ options: { streamsMax: 8 } }).connect(listener.address)
    let opened = 0
    const openAndReset = (): void => {
      for (; opened < 100; opened += 1) {
        const stream = connection.openStream()
        stream.write(Buffer.from('x'))
        stream.reset(1)
      }
    }
    expect(openAndReset).toThrow(/streamsMax/)
    expect(opened).toBe(16)
    expect(connection.stats().streams).toBe(0)
  })
})
