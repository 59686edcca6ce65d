import {
  NodosumError,
  newBootId,
  parseClusterName,
  parseNodeId,
  seededRandom,
} from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { frameHeaderBytesMax, frameType, writeFrameHeader } from '../../src/wire/frame.ts'
import { encodeHello, type Hello } from '../../src/wire/hello.ts'
import { encodeOpen } from '../../src/wire/open.ts'
import { encodeProgress } from '../../src/wire/progress.ts'
import { byteByByte, connectionPair, type FakeConnection } from '../fake-connections.ts'
import { settle, TestWorld, until, write } from '../nodes.ts'

const hello: Hello = {
  versionMin: 1,
  versionMax: 1,
  features: 0,
  cluster: parseClusterName('test'),
  nodeId: parseNodeId('stranger'),
  bootId: newBootId(seededRandom('stranger')),
  expected: 'b',
  attachment: 1,
  session: '0123456789abcdef',
  resumes: false,
  windowBytes: 65_536,
}

function frame(type: number, body: Uint8Array, sequence = 0, stream = 0): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytesMax + body.length)
  const at = writeFrameHeader(bytes, 0, type, 0, stream, sequence, body.length)
  bytes.set(body, at)
  return bytes.subarray(0, at + body.length)
}

/** Says something to a node as a dialer would, and tells how the connection ended. */
async function say(
  world: TestWorld,
  ...chunks: readonly Uint8Array[]
): Promise<{ connection: FakeConnection; heard: Buffer }> {
  const node = world.node('b')
  const [near, far] = connectionPair('stranger', 'b', world.wire)
  node.accept(far)
  const stream = near.openStream()
  const heard: Uint8Array[] = []
  stream.onData = (chunk) => void heard.push(chunk)
  for (const chunk of chunks) stream.write(chunk)
  await settle()
  return { connection: near, heard: Buffer.concat(heard) }
}

describe('a session', () => {
  it('begins when both HELLOs are confirmed, also byte by byte', async () => {
    const world = new TestWorld()
    world.wire.fragment = byteByByte
    const [a, b] = [world.node('a'), world.node('b')]
    const session = await a.ensure('b')
    await until(() => b.sessions.length === 1)
    expect([session.peer, b.session.peer]).toEqual(['b', 'a'])
    expect([session.carriage?.attachment, b.session.carriage?.attachment]).toEqual([1, 1])
    expect(session.id).toBe(b.session.id)
    expect([session.carriage?.dialer, b.session.carriage?.dialer]).toEqual(['a', 'a'])
    // Each end looks for idle lanes from time to time; nothing is left of the handshake.
    expect(world.scheduler.pendingTimers).toBe(2)
  })

  it('takes over lanes that overtook the confirmation', async () => {
    const world = new TestWorld()
    const b = world.node('b')
    const [near, far] = connectionPair('stranger', 'b', world.wire)
    b.accept(far)
    const control = near.openStream()
    control.write(frame(frameType.hello, encodeHello(hello)))
    await settle()
    const lane = near.openStream()
    const resets: number[] = []
    lane.onReset = (code) => void resets.push(code)
    const open = encodeOpen({
      stream: 1,
      kind: 'messages',
      application: 'x',
      name: 'y',
      laneClass: 'interactive',
    })
    lane.write(frame(frameType.open, open, 1, 1))
    await settle()
    expect(b.sessions).toEqual([])
    control.write(frame(frameType.confirm, new Uint8Array(0)))
    const has = encodeProgress([{ stream: 0, next: 1, creditLimit: 0 }])
    control.write(frame(frameType.resume, has))
    await until(() => b.lanes.length === 1)
    expect(resets).toEqual([])
  })

  it('accepts peers whose certificate names only a role', async () => {
    const world = new TestWorld()
    const a = world.node('a', { certificate: '' })
    world.node('b')
    expect((await a.ensure('b')).peer).toBe('b')
  })
})

describe('a session is refused, on both sides, with a code', () => {
  const refused = async (options: object, code: string): Promise<void> => {
    const world = new TestWorld()
    const [a, b] = [world.node('a', options), world.node('b')]
    await expect(a.ensure('b')).rejects.toMatchObject({ code })
    await settle()
    expect([a.sessions.length, b.sessions.length]).toEqual([0, 0])
    expect(world.connections.every(({ closedWith }) => closedWith !== null)).toBe(true)
    expect(world.scheduler.pendingTimers).toBe(0)
  }

  it('to a node of another cluster', () =>
    refused({ cluster: 'other' }, 'ERR_NODOSUM_CLUSTER_MISMATCH'))

  it('to a node with the certificate of another', () =>
    refused({ certificate: 'c' }, 'ERR_NODOSUM_IDENTITY_MISMATCH'))

  it('when another node than the expected one answers', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    const other = world.node('c', { certificate: '' })
    world.nodes.set('b', other)
    await expect(a.ensure('b')).rejects.toMatchObject({ code: 'ERR_NODOSUM_IDENTITY_MISMATCH' })
    expect(other.sessions).toEqual([])
  })

  it('to a node with the same id', async () => {
    const world = new TestWorld()
    const { connection } = await say(
      world,
      frame(frameType.hello, encodeHello({ ...hello, nodeId: parseNodeId('b') })),
    )
    expect(connection.closedWith).not.toBeNull()
    expect(world.nodes.get('b')?.sessions).toEqual([])
  })

  it('to a node that speaks only later versions', async () => {
    const world = new TestWorld()
    const later = encodeHello({ ...hello, versionMin: 2, versionMax: 9 })
    const { connection, heard } = await say(world, frame(frameType.hello, later))
    expect(connection.closedWith?.reason).toBe('ERR_NODOSUM_VERSION_INCOMPATIBLE')
    expect(heard.toString()).toContain('ERR_NODOSUM_VERSION_INCOMPATIBLE')
  })

  it.each([
    ['rubbish', [Buffer.from('GET / HTTP/1.1\r\n\r\n')]],
    ['another frame first', [frame(frameType.goodbye, new Uint8Array(0))]],
    ['a HELLO that does not decode', [frame(frameType.hello, Buffer.from('hello'))]],
    ['a first frame with a number', [frame(frameType.hello, encodeHello(hello), 1)]],
    [
      'two HELLOs',
      [frame(frameType.hello, encodeHello(hello)), frame(frameType.hello, encodeHello(hello))],
    ],
  ])('to a dialer that says %s', async (_what, chunks) => {
    const world = new TestWorld()
    const { connection } = await say(world, ...chunks)
    expect(connection.closedWith).not.toBeNull()
    expect(world.nodes.get('b')?.sessions).toEqual([])
    expect(world.scheduler.pendingTimers).toBe(0)
  })

  it('to a dialer that says nothing, or stops half way', async () => {
    for (const chunks of [[], [frame(frameType.hello, encodeHello(hello))]]) {
      const world = new TestWorld()
      const { connection } = await say(world, ...chunks)
      expect(connection.closedWith).toBeNull()
      world.scheduler.runFor(5_000)
      await settle()
      expect(connection.closedWith).not.toBeNull()
      expect(world.nodes.get('b')?.sessions).toEqual([])
    }
  })

  it('by an acceptor that never answers', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    world.node('b')
    world.holds = true
    const attempt = a.ensure('b')
    const outcome = attempt.catch((error: unknown) => error)
    await settle()
    world.scheduler.runFor(5_000)
    expect(await outcome).toMatchObject({ code: 'ERR_NODOSUM_CONNECT_TIMEOUT' })
  })

  it('when the connection is lost meanwhile', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    world.node('b')
    world.holds = true
    const outcome = a.ensure('b').catch((error: unknown) => error)
    await until(() => world.connections.length > 0)
    await settle()
    world.connections[0]?.cut()
    expect(await outcome).toMatchObject({ code: 'ERR_NODOSUM_CONNECTION_LOST' })
    expect(world.scheduler.pendingTimers).toBe(0)
  })
})

describe('dialing', () => {
  it('is shared by those who ask at the same time', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    world.node('b')
    const [one, two] = await Promise.all([a.ensure('b'), a.ensure('b')])
    expect(one).toBe(two)
    expect(a.dials).toBe(1)
    expect(await a.ensure('b')).toBe(one)
  })

  it('passes the reason of a failure on, and can be tried again', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    world.node('b')
    a.dialFails = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'nobody there')
    await expect(a.ensure('b')).rejects.toBe(a.dialFails)
    a.dialFails = null
    expect((await a.ensure('b')).peer).toBe('b')
  })

  it('from both sides at once ends with one session, and nothing is lost', async () => {
    for (let attempt = 0; attempt < 20; attempt++) {
      const world = new TestWorld()
      if (attempt % 2 === 1) world.wire.fragment = byteByByte
      const [a, b] = [world.node('a'), world.node('b')]
      const [near, far] = await Promise.all([a.ensure('b'), b.ensure('a')])
      await settle()
      expect(near.carriage?.dialer).toBe(far.carriage?.dialer)
      expect([near.closed, far.closed]).toEqual([false, false])
      expect([...a.table.sessions()]).toEqual([near])
      expect([...b.table.sessions()]).toEqual([far])
      write(near, near.control, 'to b')
      write(far, far.control, 'to a')
      await until(() => a.control.length > 0 && b.control.length > 0)
      expect([a.control, b.control]).toEqual([['144 to a'], ['144 to b']])
      expect([a.endings, b.endings]).toEqual([[], []])
    }
  })

  it('again after a loss raises the attachment number, so the dead end gives way', async () => {
    const world = new TestWorld()
    const [a, b] = [world.node('a'), world.node('b')]
    const first = await a.ensure('b')
    await until(() => b.sessions.length === 1)
    // Only a has noticed the loss.
    first.end(new NodosumError('ERR_NODOSUM_CONNECTION_LOST', 'noticed here first'))
    const second = await a.ensure('b')
    expect(second.carriage?.attachment).toBe(2)
    await until(() => b.sessions.length === 2)
    expect(b.sessions[0]?.closed).toBe(true)
    expect([...b.table.sessions()]).toEqual([b.sessions[1]])
  })

  it('by a new process of a node ends the session with the old one', async () => {
    const world = new TestWorld()
    const b = world.node('b')
    const old = world.node('a')
    await old.ensure('b')
    await until(() => b.sessions.length === 1)
    const restarted = world.node('a')
    await restarted.ensure('b')
    await until(() => b.sessions.length === 2)
    expect(b.endings).toMatchObject([{ code: 'ERR_NODOSUM_CONNECTION_LOST' }])
    expect(b.endings[0]?.message).toContain('restarted')
    expect([...b.table.sessions()].map((session) => session.peerBootId)).toEqual([
      b.session.peerBootId,
    ])
  })

  it('is dialed anew when the peer is said to be another process, whose HELLO ends the old one', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    world.node('b')
    const old = await a.ensure('b')
    const restarted = world.node('b')
    const b = parseNodeId('b')
    a.table.rumourOfRestart(b, restarted.bootId)
    // Hearsay ends nothing, but new work waits for the other process.
    expect([old.closed, a.table.get(b), a.endings]).toEqual([false, null, []])
    a.dialFails = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'not up yet')
    await expect(a.ensure('b')).rejects.toMatchObject({ code: 'ERR_NODOSUM_CONNECT_TIMEOUT' })
    expect([old.closed, a.table.get(b)]).toEqual([false, null])
    a.dialFails = null
    // It dials at the same time, with the attachment number of a first one, and is heard first.
    world.holds = true
    const all = Promise.all([restarted.ensure('a'), a.ensure('b'), a.ensure('b')])
    await until(() => world.held.length === 2)
    world.held[0]?.()
    await settle()
    world.held[1]?.()
    const [, session, same] = await all
    expect([session.peerBootId, same]).toEqual([restarted.bootId, session])
    expect(a.endings).toMatchObject([{ code: 'ERR_NODOSUM_CONNECTION_LOST' }])
    expect([old.closed, a.table.get(b)]).toEqual([true, session])
    expect([a.sessions.length, restarted.sessions.length]).toEqual([2, 1])
  })

  it('goes on with the process that there is when the word of a restart was wrong', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    world.node('b')
    const old = await a.ensure('b')
    const b = parseNodeId('b')
    a.table.rumourOfRestart(b, old.peerBootId)
    expect(a.table.get(b)).toBe(old)
    a.table.rumourOfRestart(b, newBootId(seededRandom('nobody')))
    const session = await a.ensure('b')
    expect(session.peerBootId).toBe(old.peerBootId)
    expect(a.table.get(b)).toBe(session)
    expect(a.dials).toBe(2)
  })

  it('past the limit of sessions is refused on the side that has it', async () => {
    const world = new TestWorld()
    const a = world.node('a', { streams: { sessionsMax: 1 } })
    world.node('b')
    const c = world.node('c')
    await a.ensure('b')
    await expect(a.ensure('c')).rejects.toMatchObject({ code: 'ERR_NODOSUM_LIMIT_CONNECTIONS' })
    await expect(c.ensure('a')).rejects.toMatchObject({ code: 'ERR_NODOSUM_LIMIT_CONNECTIONS' })
    // Once the session is over its place is free.
    await a.session.close()
    expect((await a.ensure('c')).peer).toBe('c')
  })

  it('is told that the node is closed when its dial is given up for that', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    const { promise, reject } = Promise.withResolvers<never>()
    a.dialWaits = promise
    const underWay = a.ensure('b').catch((error: unknown) => error)
    const closing = a.close()
    reject(new NodosumError('ERR_NODOSUM_CANCELLED', 'the dial was given up'))
    await closing
    expect(await underWay).toMatchObject({ code: 'ERR_NODOSUM_SHUT_DOWN' })
  })

  it('after close is refused, and what is under way ends', async () => {
    const world = new TestWorld()
    const a = world.node('a')
    world.node('b')
    const underWay = a.ensure('b').catch((error: unknown) => error)
    await a.close()
    expect(await underWay).toMatchObject({ code: 'ERR_NODOSUM_SHUT_DOWN' })
    await expect(a.ensure('b')).rejects.toMatchObject({ code: 'ERR_NODOSUM_SHUT_DOWN' })
    await settle()
    expect(a.sessions).toEqual([])
  })
})
