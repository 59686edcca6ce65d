import type { ByteStream } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { connect, echoEverything } from '../connected-pair.ts'
import { collect, until } from '../harness.ts'
import { losing } from '../losing-port.ts'
import { first, pairOf, second } from '../trusted-nodes.ts'

const codeOfUnread = 0x4e6f_0008

describe('flow control', () => {
  it('is never used up by streams that are reset with unread bytes', async () => {
    const { dialer, acceptor } = await connect()
    let arrived = 0
    let over = 0
    acceptor.onStream = (stream) => {
      // Nobody reads: the bytes wait until the reset discards them, with the window they took.
      arrived += 1
      stream.onReset = () => {
        over += 1
      }
    }
    for (let round = 1; round <= 40; round += 1) {
      const streams = Array.from({ length: 10 }, () => {
        const stream = dialer.openStream()
        stream.write(Buffer.alloc(256 * 1024))
        return stream
      })
      await until('all wait', () => {
        return arrived === 10 * round && streams.every((stream) => stream.bufferedBytes === 0)
      })
      for (const stream of streams) stream.reset(1)
      await until('all are over', () => over === 10 * round)
    }
    echoEverything({ dialer, acceptor } as never)
    const stream = dialer.openStream()
    const echo = collect(stream)
    stream.write(Buffer.alloc(1_000_000))
    stream.end()
    // 100 MiB of windows went with the resets.
    expect(await echo).toHaveLength(1_000_000)
  }, 60_000)

  it('survives the loss of every kind of packet, with many short streams', async () => {
    const wrap = losing(0.2)
    const pair = await pairOf({ credentials: first, wrap }, { credentials: second, wrap })
    echoEverything(pair)
    const one = async (number: number): Promise<void> => {
      const stream = pair.dialer.openStream()
      const echo = collect(stream)
      stream.write(Buffer.from(`${number}`))
      stream.end()
      expect((await echo).toString()).toBe(`${number}`)
    }
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < 1_000) await one(next++)
    }
    await Promise.all(Array.from({ length: 100 }, lane))
  }, 60_000)

  it('brings the end of a stream after every byte, however the window cuts them', async () => {
    for (const bytes of [65_535, 65_536, 65_537, 200_001]) {
      const { dialer, acceptor } = await connect({ streamWindowBytes: 65_536 })
      const arrived = Promise.withResolvers<ByteStream>()
      acceptor.onStream = arrived.resolve
      const stream = dialer.openStream()
      stream.write(Buffer.alloc(bytes - 1))
      stream.write(Buffer.alloc(1))
      stream.end()
      const remote = await arrived.promise
      await until('the window is full', () => stream.bufferedBytes === Math.max(0, bytes - 65_536))
      expect(await collect(remote)).toHaveLength(bytes)
    }
  })
})

describe('what applications do not read', () => {
  it('ends its connection beyond unreadBytesMax, and no other', async () => {
    const options = { unreadBytesMax: 4 * 1_048_576, streamWindowBytes: 1_048_576 }
    const pair = await pairOf({ credentials: first }, { credentials: second, options })
    const [a, b] = pair.nodes
    const other = await a.transport.connect(b.address)
    pair.acceptor.onStream = (stream) => stream.pause()
    for (let index = 0; index < 8; index += 1) {
      pair.dialer.openStream().write(Buffer.alloc(1_048_576))
    }
    const [near, far] = await Promise.all([pair.acceptor.closed, pair.dialer.closed])
    expect(near.error?.message).toContain('unreadBytesMax')
    expect(near).toMatchObject({ code: codeOfUnread, remote: false })
    expect(far).toMatchObject({ code: codeOfUnread, remote: true })
    await other.ping()
  })

  it('up to there is kept, however long other streams of the connection go on', async () => {
    const options = { unreadBytesMax: 4 * 1_048_576, streamWindowBytes: 1_048_576 }
    const { dialer, acceptor } = await connect(options)
    const paused: ByteStream[] = []
    let received = 0
    acceptor.onStream = (stream) => {
      if (paused.length < 3) {
        paused.push(stream)
        return
      }
      stream.onData = (chunk) => {
        received += chunk.length
      }
    }
    for (let index = 0; index < 3; index += 1) dialer.openStream().write(Buffer.alloc(1_048_576))
    await until('three wait', () => paused.length === 3)
    const stream = dialer.openStream()
    const pump = (): void => {
      while (stream.write(Buffer.alloc(65_536)));
    }
    stream.onWritable = pump
    pump()
    await until('much passes them', () => received > 200_000_000, 100_000)
    for (const each of paused) {
      let bytes = 0
      each.onData = (chunk) => {
        bytes += chunk.length
      }
      await until('it is all there', () => bytes === 1_048_576)
    }
  }, 120_000)
})
