import { bindUdpPort, type CloseReason } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { collect, until } from '../harness.ts'
import { losing } from '../losing-port.ts'
import { closers, codeOf, first, pairOf, second, start, startChild } from '../trusted-nodes.ts'

describe('closing', () => {
  it('loses nothing that was written before', async () => {
    const { dialer, acceptor } = await pairOf({ credentials: first }, { credentials: second })
    const received = new Promise<number>((resolve) => {
      acceptor.onStream = (stream) => {
        let length = 0
        stream.onData = (chunk) => {
          length += chunk.length
        }
        stream.onEnd = () => resolve(length)
      }
    })
    const stream = dialer.openStream()
    for (let index = 0; index < 200; index += 1) stream.write(Buffer.alloc(50_000))
    stream.end()
    const closing = dialer.close({ code: 0, reason: 'done' })
    expect(stream.write(Buffer.alloc(1))).toBe(false)
    expect(() => dialer.openStream()).toThrow(/dial again/)
    await closing
    expect(await received).toBe(10_000_000)
    expect(await acceptor.closed).toEqual({ code: 0, reason: 'done', remote: true, error: null })
    expect(await dialer.closed).toEqual({ code: 0, reason: 'done', remote: false, error: null })
  })

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

  it('gives up waiting for a reader that does not read', async () => {
    const { dialer, acceptor } = await pairOf(
      { credentials: first, options: { closeTimeoutMs: 200 } },
      { credentials: second, options: { streamWindowBytes: 65_536 } },
    )
    acceptor.onStream = (stream) => stream.pause()
    const stream = dialer.openStream()
    const resets: number[] = []
    stream.onReset = (code) => resets.push(code)
    stream.write(Buffer.alloc(1_000_000))
    const started = performance.now()
    await dialer.close({ code: 9 })
    expect(performance.now() - started).toBeGreaterThanOrEqual(190)
    expect(resets).toEqual([9])
    expect((await acceptor.closed).code).toBe(9)
  })

  it('tells every open stream and onClosed, also when it is set later', async () => {
    const { dialer, acceptor } = await pairOf({ credentials: first }, { credentials: second })
    const codes: number[] = []
    const surfaced: Promise<void> = new Promise((resolve) => {
      acceptor.onStream = (stream) => {
        stream.onReset = (code) => codes.push(code)
        stream.onData = () => resolve()
      }
    })
    const stream = dialer.openStream()
    stream.onReset = (code) => codes.push(code)
    stream.write(Buffer.from('x'))
    await surfaced
    const reasons: CloseReason[] = []
    acceptor.onClosed = (reason) => reasons.push(reason)
    await dialer.close({ code: 5, reason: 'why not' })
    await acceptor.closed
    acceptor.onClosed = (reason) => reasons.push(reason)
    expect(codes).toEqual([5, 5])
    expect(reasons.map((reason) => reason.reason)).toEqual(['why not', 'why not'])
    expect(() => acceptor.openStream()).toThrow(/closed/)
  })

  it('cuts a long reason at 128 bytes, between characters', async () => {
    const { dialer, acceptor } = await pairOf({ credentials: first }, { credentials: second })
    await dialer.close({ code: 1, reason: `x${'ä'.repeat(100)}` })
    const { reason } = await acceptor.closed
    expect(reason).toBe(`x${'ä'.repeat(63)}`)
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(128)
  })

  it('refuses a code that the engine would abort on', async () => {
    const { dialer } = await pairOf({ credentials: first }, { credentials: second })
    expect(() => dialer.close({ code: -1 })).toThrow(/2\^53-1/)
    expect(() => dialer.close({ code: 2 ** 62 })).toThrow(/2\^53-1/)
  })

  it('ends only the connection whose callback threw', async () => {
    const { dialer, acceptor, nodes } = await pairOf(
      { credentials: first },
      { credentials: second },
    )
    const other = await nodes[0].transport.connect(nodes[1].address)
    acceptor.onStream = () => {
      throw new Error('a bug of the application')
    }
    dialer.openStream().write(Buffer.from('x'))
    const reason = await acceptor.closed
    expect(reason.error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
    expect((await dialer.closed).remote).toBe(true)
    expect(other.openStream().write(Buffer.from('x'))).toBe(true)
    expect(nodes[0].transport.snapshot().connections).toHaveLength(1)
  })

  it('of the transport ends every connection and every dial, and later calls fail', async () => {
    const { dialer, acceptor, nodes } = await pairOf(
      { credentials: first },
      { credentials: second },
    )
    const silent = await bindUdpPort({ host: '127.0.0.1', port: 0 })
    closers.push(() => silent.close())
    const [a] = nodes
    const dial = codeOf(a.transport.connect(silent.address))
    await a.transport.close()
    expect(await dial).toBe('ERR_NODOSUM_SHUT_DOWN')
    expect((await dialer.closed).remote).toBe(false)
    expect((await acceptor.closed).error).toBeNull()
    expect(await codeOf(a.transport.connect(silent.address))).toBe('ERR_NODOSUM_SHUT_DOWN')
    expect(await codeOf(a.transport.listen(() => {}))).toBe('ERR_NODOSUM_SHUT_DOWN')
    expect(a.udp.onQuic).toBeNull()
    await a.transport.close()
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

  it('of an idle connection does not exist: it is kept alive', async () => {
    const options = { idleTimeoutMs: 1_000, keepAliveMs: 250 }
    const { dialer, acceptor } = await pairOf(
      { credentials: first, options },
      { credentials: second, options },
    )
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    const arrived = new Promise<string>((resolve) => {
      acceptor.onStream = (stream) => {
        stream.onData = (chunk) => resolve(Buffer.from(chunk).toString())
      }
    })
    dialer.openStream().write(Buffer.from('still there'))
    expect(await arrived).toBe('still there')
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
