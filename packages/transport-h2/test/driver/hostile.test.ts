import type { TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { streamPath } from '../../src/wire/request-path.ts'
import { closers, collect, echo, first, type Listening, listen, start, until } from '../nodes.ts'
import {
  controlRequest,
  dialByHand,
  endHeaders,
  endStream,
  frame,
  requestHeaders,
} from '../raw-frames.ts'
import { dialHttp2, goneOf } from '../raw-peer.ts'

const floodBytes = 64 * 1024 * 1024

/** Sends the same bytes until the peer has had enough; how many it took. */
async function flood(socket: TLSSocket, next: (round: number) => Buffer): Promise<number> {
  let sent = 0
  let isGone = false
  const gone = goneOf(socket).then(() => {
    isGone = true
  })
  for (let round = 0; sent < floodBytes && !isGone; round += 1) {
    const bytes = next(round)
    sent += bytes.length
    if (!socket.write(bytes)) {
      const drained = new Promise((resolve) => socket.once('drain', resolve))
      await Promise.race([drained, gone])
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  await gone
  return sent
}

/** A well-behaved node finds everything as it should be. */
async function expectUnharmed(node: Listening): Promise<void> {
  await until('the hostile peer is gone', () => node.transport.snapshot().connections.length === 0)
  const known = node.accepted.length
  const connection = await start().connect(node.address)
  await until('it is accepted', () => node.accepted.length === known + 1)
  echo(node.accepted[known] as (typeof node.accepted)[0])
  const stream = connection.openStream()
  const answer = collect(stream)
  stream.write(Buffer.from('well'))
  stream.end()
  expect((await answer).toString()).toBe('well')
}

async function hostile(node: Listening, isEstablished: boolean): Promise<TLSSocket> {
  const socket = await dialByHand(node.address, first)
  closers.push(() => socket.destroy())
  if (isEstablished) {
    socket.write(controlRequest)
    await until('it is accepted', () => node.accepted.length === 1)
  }
  return socket
}

const repeated = (bytes: Buffer, count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => bytes))

describe.each([
  ['before its control stream', false],
  ['after its control stream', true],
])('a peer of the cluster that misbehaves %s', (_, isEstablished) => {
  it('by a flood of SETTINGS is disconnected long before the flood ends', async () => {
    const node = await listen()
    const socket = await hostile(node, isEstablished)
    const settings = repeated(frame('settings', 0, 0), 1_000)
    expect(await flood(socket, () => settings)).toBeLessThan(floodBytes)
    await expectUnharmed(node)
  })

  it('by a flood of pings whose answers it does not read is disconnected', async () => {
    const node = await listen()
    const socket = await hostile(node, isEstablished)
    const pings = repeated(frame('ping', 0, 0, Buffer.alloc(8)), 1_000)
    expect(await flood(socket, () => pings)).toBeLessThan(floodBytes)
    await expectUnharmed(node)
  })

  it('by headers that never end is disconnected', async () => {
    const node = await listen()
    const socket = await hostile(node, isEstablished)
    socket.write(frame('headers', 0, 3, requestHeaders('/')))
    const more = frame('continuation', 0, 3, Buffer.alloc(16_000))
    expect(await flood(socket, () => more)).toBeLessThan(floodBytes)
    await expectUnharmed(node)
  })

  it('by streams that it opens and resets at once is disconnected', async () => {
    const node = await listen()
    const socket = await hostile(node, isEstablished)
    const sent = await flood(socket, (round) => {
      const stream = 3 + round * 2
      const headers = frame('headers', endHeaders, stream, requestHeaders(streamPath(round * 2)))
      return Buffer.concat([headers, frame('reset', 0, stream, Buffer.alloc(4))])
    })
    expect(sent).toBeLessThan(floodBytes)
    // HTTP/2 stops it after 1,000 in a burst.
    expect(node.accepted[0]?.stats().streams ?? 0).toBe(0)
    await expectUnharmed(node)
  })

  it('by bytes that are no HTTP/2 is disconnected', async () => {
    const node = await listen()
    const socket = await hostile(node, isEstablished)
    const noise = Buffer.alloc(16_384, 0x5a)
    expect(await flood(socket, () => noise)).toBeLessThan(floodBytes)
    await expectUnharmed(node)
  })
})

describe('a peer of the cluster that breaks the rules of this protocol', () => {
  it.each([
    ['an unknown kind of control frame', frame('data', 0, 1, Buffer.alloc(13, 9))],
    ['an OPEN to the end that cannot open', frame('data', 0, 1, openFrame(2))],
    ['the end of the control stream', frame('data', endStream, 1)],
    [
      'another control stream',
      frame('headers', endHeaders, 3, requestHeaders('/nodosum/1/control')),
    ],
    [
      'a stream of a number that is no number',
      frame('headers', endHeaders, 3, requestHeaders(`${streamPath(0)}1`)),
    ],
    ['a stream twice', Buffer.concat([streamRequest(3, 8), streamRequest(5, 8)])],
  ])('by %s is disconnected and counted', async (_, bytes) => {
    const node = await listen()
    const socket = await hostile(node, true)
    socket.on('data', (chunk: Buffer) => {
      // It is told why, and leaves.
      if (chunk.includes('nod1')) socket.end()
    })
    socket.resume()
    socket.write(bytes)
    await goneOf(socket)
    expect(node.counters().violations).toBe(1)
    const reason = await node.accepted[0]?.closed
    expect(reason?.error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
    await expectUnharmed(node)
  })

  it('by a first request that is no control stream is told that versions differ', async () => {
    const node = await listen()
    const session = await dialHttp2(node.address, first)
    const told: (Uint8Array | undefined)[] = []
    session.on('goaway', (_code, _last, opaque?: Uint8Array) => {
      told.push(opaque)
      session.destroy()
    })
    const stream = session.request({ ':method': 'POST', ':path': streamPath(0) })
    stream.on('error', () => {})
    await goneOf(session)
    expect(Buffer.from(told[0] ?? []).toString()).toContain('ERR_NODOSUM_VERSION_INCOMPATIBLE')
    expect(node.counters().refusedVersion).toBe(1)
    expect(node.accepted).toEqual([])
  })

  it('by a GET is refused like one of another version', async () => {
    const node = await listen()
    const session = await dialHttp2(node.address, first)
    session.on('goaway', () => session.destroy())
    session.request({ ':path': '/nodosum/1/control' }).on('error', () => {})
    await goneOf(session)
    expect(node.counters().refusedVersion).toBe(1)
    expect(node.accepted).toEqual([])
  })

  it('by more streams than the limit has them reset, and keeps the others', async () => {
    const node = await listen({ options: { streamsMax: 8 } })
    const socket = await hostile(node, true)
    socket.resume()
    for (let index = 0; index < 16; index += 1)
      socket.write(streamRequest(3 + index * 2, index * 2))
    await until('they are refused', () => node.counters().refusedStreams === 8)
    expect(node.accepted[0]?.stats().streams).toBe(8)
  })
})

function openFrame(stream: number): Buffer {
  const bytes = Buffer.alloc(13)
  bytes[0] = 1
  bytes.writeUInt32BE(stream, 5)
  return bytes
}

function streamRequest(http2Stream: number, id: number): Buffer {
  return frame('headers', endHeaders, http2Stream, requestHeaders(streamPath(id)))
}
