import type { Scheduler } from '@nodosum/kernel'
import { systemScheduler } from '@nodosum/kernel/node'
import { describe, expect, it } from 'vitest'
import { collect, until } from '../harness.ts'
import { dropping, losing } from '../losing-port.ts'
import { first, pairOf, second, start, startChild } from '../trusted-nodes.ts'

describe('closing', () => {
  it('loses nothing on a network that loses packets', async () => {
    const wrap = losing(0.05)
    const { dialer, acceptor } = await pairOf(
      { credentials: first, wrap, options: { closeTimeoutMs: 20_000 } },
      { credentials: second, wrap },
    )
    let length = 0
    acceptor.onStream = (stream) => {
      stream.onData = (chunk) => {
        length += chunk.length
      }
    }
    const stream = dialer.openStream()
    for (let index = 0; index < 20; index += 1) stream.write(Buffer.alloc(50_000))
    await dialer.close({ code: 3, reason: 'moving' })
    const reason = await acceptor.closed
    expect(length).toBe(1_000_000)
    expect(reason).toMatchObject({ code: 3, reason: 'moving', remote: true })
    expect(reason.error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
  })

  it('takes one round trip when there is nothing to flush', async () => {
    const options = { closeTimeoutMs: 30_000 }
    const { dialer } = await pairOf({ credentials: first, options }, { credentials: second })
    const started = performance.now()
    await dialer.close()
    expect(performance.now() - started).toBeLessThan(15_000)
  })

  it('is said again to a peer that still talks, when the network has lost it', async () => {
    let isCut = false
    const system = systemScheduler()
    // Without timers nothing is said again by itself.
    const scheduler: Scheduler = {
      ...system,
      after: (ms, run) => (isCut ? { cancel: () => {} } : system.after(ms, run)),
    }
    const options = { closeTimeoutMs: 0 }
    const { dialer, acceptor } = await pairOf(
      { credentials: first, options, scheduler, wrap: dropping(() => isCut) },
      { credentials: second },
    )
    isCut = true
    await dialer.close({ code: 7, reason: 'lost' })
    isCut = false
    acceptor.openStream().write(Buffer.from('are you there?'))
    expect(await acceptor.closed).toMatchObject({ code: 7, reason: 'lost', remote: true })
  })

  it('is said again to a peer that is silent, when the network has lost it', async () => {
    let isCut = false
    const { dialer, acceptor } = await pairOf(
      { credentials: first, options: { closeTimeoutMs: 0 }, wrap: dropping(() => isCut) },
      { credentials: second },
    )
    await dialer.ping()
    isCut = true
    await dialer.close({ code: 7, reason: 'lost' })
    isCut = false
    expect(await acceptor.closed).toMatchObject({ code: 7, reason: 'lost', remote: true })
  })

  it('is still known for a moment to who was told, so that nobody is told of an unknown connection', async () => {
    const { dialer, nodes } = await pairOf({ credentials: first }, { credentials: second })
    const [a, b] = nodes
    const { sentPackets } = a.udp.stats()
    await dialer.close({ code: 7 })
    await until('it has been said five times', () => a.udp.stats().sentPackets >= sentPackets + 5)
    await until('all of it has come', () => {
      return b.udp.stats().receivedPackets >= a.udp.stats().sentPackets
    })
    expect(b.transport.snapshot().counters).toMatchObject({ droppedUnknown: 0, forgottenSent: 0 })
  })

  it('of the transport lets go of the port', async () => {
    const { nodes } = await pairOf({ credentials: first }, { credentials: second })
    await nodes[0].transport.close()
    expect(nodes[0].udp.onQuic).toBeNull()
  })

  it('leaves nothing behind: a process that closes everything ends by itself', async () => {
    const { child, port } = await startChild('echo-then-close')
    const node = await start({ credentials: first })
    const connection = await node.transport.connect({ host: '127.0.0.1', port })
    const stream = connection.openStream()
    const answer = collect(stream)
    stream.write(Buffer.from('hello'))
    stream.end()
    expect((await answer).toString()).toBe('hello')
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
    child.send('close')
    expect(await exit).toBe(0)
    expect((await connection.closed).remote).toBe(true)
  })
})

describe('trouble', () => {
  it('of a peer killed in the middle of writing is noticed within the idle timeout', async () => {
    const { child, port } = await startChild('write-forever')
    const node = await start({
      credentials: first,
      options: { idleTimeoutMs: 1_500, keepAliveMs: 500 },
    })
    const connection = await node.transport.connect({ host: '127.0.0.1', port })
    let received = 0
    const resets: number[] = []
    connection.onStream = (stream) => {
      stream.onData = (chunk) => {
        received += chunk.length
      }
      stream.onReset = (code) => resets.push(code)
    }
    await until('it writes', () => received > 5_000_000)
    child.kill('SIGKILL')
    const killed = performance.now()
    const reason = await connection.closed
    expect(reason.remote).toBe(false)
    expect(reason.error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
    expect(reason.error?.message).toContain('silent')
    expect(performance.now() - killed).toBeLessThan(9_000)
    expect(resets).toHaveLength(1)
  })

  it('of an event loop that stands still beyond the idle timeout kills no connection', async () => {
    const { port } = await startChild('echo', { idleTimeoutMs: 3_000, keepAliveMs: 1_500 })
    const node = await start({
      credentials: first,
      options: { idleTimeoutMs: 3_000, keepAliveMs: 1_500 },
    })
    const connection = await node.transport.connect({ host: '127.0.0.1', port })
    const stream = connection.openStream()
    let echoed = 0
    stream.onData = (chunk) => {
      echoed += chunk.length
    }
    stream.write(Buffer.alloc(100))
    await until('the first echo', () => echoed === 100)
    // The peer pings after 1.5 s and waits 3 s from then on; our own idle timer ends before.
    block(3_600)
    stream.write(Buffer.alloc(100))
    await until('the second echo', () => echoed === 200, 5_000)
    expect(node.transport.snapshot().counters.deferredTimers).toBeGreaterThan(0)
    expect(connection.stats().streams).toBe(1)
  })
})

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end) {
    // On purpose: nothing else of this process runs.
  }
}
