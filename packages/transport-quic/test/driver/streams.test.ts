import { createHash } from 'node:crypto'
import type { ByteStream } from '@nodosum/transport'
import { beforeEach, describe, expect, it } from 'vitest'
import { connect, echoEverything, nextStream } from '../connected-pair.ts'
import { collect, type Pair, until } from '../harness.ts'

let pair: Pair

describe('byte streams', () => {
  beforeEach(async () => {
    pair = await connect()
  })

  it('carry bytes both ways and end each direction on its own', async () => {
    const arrived = nextStream(pair)
    const stream = pair.dialer.openStream()
    stream.write(Buffer.from('question'))
    stream.end()
    const remote = await arrived
    expect(remote.id).toBe(stream.id)
    expect((await collect(remote)).toString()).toBe('question')
    // The dialer's half is closed, the other one still works.
    remote.write(Buffer.from('answer'))
    remote.end()
    expect((await collect(stream)).toString()).toBe('answer')
    expect(stream.write(Buffer.from('late'))).toBe(false)
    await until('both ends forget the stream', () => pair.dialer.stats().streams === 0)
    await until('both ends forget the stream', () => pair.acceptor.stats().streams === 0)
  })

  it('can be opened by the acceptor too', async () => {
    const arrived = new Promise<ByteStream>((resolve) => {
      pair.dialer.onStream = resolve
    })
    const stream = pair.acceptor.openStream()
    stream.write(Buffer.from('hello'))
    stream.end()
    expect((await collect(await arrived)).toString()).toBe('hello')
  })

  it('end without any byte', async () => {
    const arrived = nextStream(pair)
    pair.dialer.openStream().end()
    expect(await collect(await arrived)).toHaveLength(0)
  })

  it('that came before onStream was set are delivered when it is', async () => {
    pair.dialer.openStream().write(Buffer.from('early'))
    await until('the stream is known', () => pair.acceptor.stats().streams === 1)
    const remote = await nextStream(pair)
    const text = new Promise<string>((resolve) => {
      remote.onData = (chunk) => resolve(Buffer.from(chunk).toString())
    })
    expect(await text).toBe('early')
  })

  it('keep the order of many small chunks, which travel together', async () => {
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

  it('keep received chunks valid after the callback', async () => {
    const arrived = nextStream(pair)
    const stream = pair.dialer.openStream()
    for (let index = 0; index < 200; index += 1) stream.write(Buffer.alloc(5_000, index))
    stream.end()
    const bytes = await collect(await arrived)
    expect(bytes).toHaveLength(1_000_000)
    for (let index = 0; index < 200; index += 1) {
      expect(bytes.subarray(index * 5_000, (index + 1) * 5_000).every((b) => b === index)).toBe(
        true,
      )
    }
  })

  it('that the peer resets report its code once and accept nothing more', async () => {
    const arrived = nextStream(pair)
    const stream = pair.dialer.openStream()
    const codes: number[] = []
    stream.onReset = (code) => codes.push(code)
    stream.write(Buffer.from('x'))
    const remote = await arrived
    remote.reset(77)
    await until('the reset arrives', () => codes.length > 0)
    expect(codes).toEqual([77])
    expect(stream.write(Buffer.from('y'))).toBe(false)
    expect(remote.write(Buffer.from('y'))).toBe(false)
    expect(stream.bufferedBytes).toBe(0)
    await until('both forget it', () => pair.dialer.stats().streams === 0)
    expect(pair.acceptor.stats().streams).toBe(0)
  })

  it('that were only opened and then reset still reach the peer as reset', async () => {
    const arrived = nextStream(pair)
    pair.dialer.openStream().reset(5)
    const remote = await arrived
    const code = new Promise<number>((resolve) => {
      remote.onReset = resolve
      remote.onData = () => {}
    })
    expect(await code).toBe(5)
  })

  it('throw for a reset code that the engine would abort on', () => {
    const stream = pair.dialer.openStream()
    expect(() => stream.reset(-1)).toThrow(/2\^53-1/)
    expect(() => stream.reset(2 ** 60)).toThrow(/2\^53-1/)
    expect(() => stream.reset(1.5)).toThrow(/2\^53-1/)
  })

  it('learn that nobody reads any more although the peer had ended its direction', async () => {
    await pair.close()
    pair = await connect({ keepAliveMs: 250, idleTimeoutMs: 2_000 })
    const arrived = nextStream(pair)
    const stream = pair.dialer.openStream()
    stream.write(Buffer.from('x'))
    const remote = await arrived
    const ended = collect(stream)
    remote.end()
    await ended
    const codes: number[] = []
    stream.onReset = (code) => codes.push(code)
    remote.reset(9)
    await until('the dialer notices', () => codes.length > 0)
    expect(pair.dialer.stats().streams).toBe(0)
  })

  it('survive 2,000 one after another, each answered', async () => {
    echoEverything(pair)
    for (let index = 0; index < 2_000; index += 1) {
      const stream = pair.dialer.openStream()
      const answer = collect(stream)
      stream.write(Buffer.from(`number ${index}`))
      stream.end()
      expect((await answer).toString()).toBe(`number ${index}`)
    }
    await until('none is left', () => pair.acceptor.stats().streams === 0)
  })

  it('survive 200 at once', async () => {
    echoEverything(pair)
    const answers = Array.from({ length: 200 }, async (_, index) => {
      const stream = pair.dialer.openStream()
      const answer = collect(stream)
      for (let part = 0; part < 10; part += 1) stream.write(Buffer.alloc(2_000, index))
      stream.end()
      const bytes = await answer
      expect(bytes).toHaveLength(20_000)
      expect(bytes.every((byte) => byte === index)).toBe(true)
    })
    await Promise.all(answers)
  })

  it('survive 5,000 resets, which give their credit back', async () => {
    pair.acceptor.onStream = (stream) => {
      stream.onData = () => stream.reset(1)
    }
    for (let index = 0; index < 5_000; index += 1) {
      const stream = pair.dialer.openStream()
      const dead = new Promise<void>((resolve) => {
        stream.onReset = () => resolve()
      })
      stream.write(Buffer.from('x'))
      await dead
    }
    expect(pair.dialer.stats().streams).toBe(0)
  })

  it('carry 64 MiB through one, byte for byte', async () => {
    const total = 64 * 1024 * 1024
    const sent = createHash('sha256')
    const received = createHash('sha256')
    const arrived = nextStream(pair)
    const stream = pair.dialer.openStream()
    let written = 0
    const pump = (): void => {
      while (written < total) {
        const chunk = Buffer.alloc(60_000 + (written % 7_000), written % 251).subarray(
          0,
          Math.min(total - written, 67_000),
        )
        sent.update(chunk)
        written += chunk.length
        if (!stream.write(chunk)) return
      }
      stream.end()
    }
    stream.onWritable = pump
    pump()
    const remote = await arrived
    let length = 0
    const ended = new Promise<void>((resolve) => {
      remote.onEnd = resolve
    })
    remote.onData = (chunk) => {
      length += chunk.length
      received.update(chunk)
    }
    await ended
    expect(length).toBe(total)
    expect(received.digest('hex')).toBe(sent.digest('hex'))
  }, 60_000)
})
