import { isNodosumError } from '@nodosum/kernel'
import type { Connection } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { encodeFarewell } from '../../src/wire/farewell.ts'
import { streamPath } from '../../src/wire/request-path.ts'
import { codeOf, collect, first, listen, pair, start, startChild, until } from '../nodes.ts'
import {
  controlRequest,
  dialByHand,
  endHeaders,
  endStream,
  frame,
  requestHeaders,
} from '../raw-frames.ts'

describe('listening', () => {
  it('rejects with errno and remedy when the port is taken', async () => {
    const node = await listen()
    const second = start({ port: node.address.port })
    const error: unknown = await second.listen(() => {}).catch((thrown: unknown) => thrown)
    expect(isNodosumError(error, 'ERR_NODOSUM_LISTEN_FAILED')).toBe(true)
    expect(String(error)).toContain(`TCP 127.0.0.1 port ${node.address.port}: EADDRINUSE`)
    expect(String(error)).toContain('choose another listen.port')
    expect(second.snapshot().listening).toBeNull()
  })

  it('rejects for an address that is not one of this machine, or no address', async () => {
    expect(await codeOf(start({ host: '192.0.2.1' }).listen(() => {}))).toBe(
      'ERR_NODOSUM_LISTEN_FAILED',
    )
    expect(await codeOf(start({ host: 'localhost' }).listen(() => {}))).toBe(
      'ERR_NODOSUM_CONFIG_INVALID',
    )
  })

  it('keeps the port that was picked, so that others find the node again', async () => {
    const transport = start()
    const listener = await transport.listen(() => {})
    await listener.close()
    expect((await transport.listen(() => {})).address).toEqual(listener.address)
  })

  it('is not possible twice, also not at the same time', async () => {
    const transport = start()
    const work = [transport.listen(() => {}), transport.listen(() => {})]
    const codes = await Promise.all(work.map(codeOf))
    expect(codes.toSorted()).toEqual(['ERR_NODOSUM_LISTEN_FAILED', 'resolved'])
  })

  it('that a close overtakes leaves no port behind', async () => {
    const transport = start()
    const listening = codeOf(transport.listen(() => {}))
    await transport.close()
    expect(await listening).toBe('ERR_NODOSUM_SHUT_DOWN')
    expect(transport.snapshot().listening).toBeNull()
  })
})

describe('dialing', () => {
  it('needs no listening, and says that nobody listens there', async () => {
    const node = await listen()
    const { address } = node
    await node.transport.close()
    const error: unknown = await start()
      .connect(address)
      .catch((thrown: unknown) => thrown)
    expect(isNodosumError(error, 'ERR_NODOSUM_CONNECTION_LOST')).toBe(true)
    expect(String(error)).toContain('ECONNREFUSED')
    expect(String(error)).toContain('nothing listens there')
  })
})

describe('a process', () => {
  it('that closes its transport ends by itself: nothing of it is left', async () => {
    // Times so long that no timer which is left could end before the test does.
    const { child, address } = await startChild({
      idleTimeoutMs: 600_000,
      keepAliveMs: 200_000,
      connectTimeoutMs: 120_000,
      closeTimeoutMs: 60_000,
    })
    const connection = await start().connect(address)
    const stream = connection.openStream()
    const answer = collect(stream)
    stream.write(Buffer.from('hello'))
    stream.end()
    expect((await answer).toString()).toBe('hello')
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
    child.send('close')
    expect(await exit).toBe(0)
    expect(await connection.closed).toMatchObject({ remote: true, error: null })
  }, 20_000)

  it('that is killed is noticed at once, since its system says so', async () => {
    const { child, address } = await startChild()
    const connection = await start().connect(address)
    const stream = connection.openStream()
    const codes: number[] = []
    stream.onReset = (code) => codes.push(code)
    stream.write(Buffer.from('hello'))
    child.kill('SIGKILL')
    const reason = await connection.closed
    expect(reason.error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
    expect(codes).toHaveLength(1)
  }, 20_000)

  it('that stands still longer than the idle timeout keeps its connections', async () => {
    // The peer waits longer: only this end could give up.
    const { address } = await startChild({ idleTimeoutMs: 30_000, keepAliveMs: 250 })
    const node = start({ options: { idleTimeoutMs: 1_000, keepAliveMs: 250 } })
    const connection = await node.connect(address)
    block(1_500)
    await new Promise((resolve) => setImmediate(resolve))
    expect((await connection.ping()) > 0).toBe(true)
  }, 20_000)
})

describe('closing', () => {
  it('while the peer closes too loses nothing of either', async () => {
    const { dialer, acceptor } = await pair()
    const received = [0, 0]
    for (const [index, end] of [dialer, acceptor].entries()) {
      end.onStream = (stream) => {
        stream.onData = (chunk) => {
          received[index] = (received[index] ?? 0) + chunk.length
        }
      }
    }
    for (const end of [dialer, acceptor]) end.openStream().write(Buffer.alloc(1_000_000))
    await until('both streams are there', () => {
      return dialer.stats().streams === 2 && acceptor.stats().streams === 2
    })
    await Promise.all([dialer.close({ code: 1 }), acceptor.close({ code: 2 })])
    expect(received).toEqual([1_000_000, 1_000_000])
  })

  it('delivers what came together with the last word before that word', async () => {
    const node = await listen()
    const socket = await dialByHand(node.address, first)
    socket.write(controlRequest)
    await until('it is accepted', () => node.accepted.length === 1)
    const acceptor = node.accepted[0] as Connection
    const events: string[] = []
    acceptor.onStream = (stream) => {
      stream.onData = (chunk) => events.push(Buffer.from(chunk).toString())
      stream.onEnd = () => events.push('end')
      stream.onReset = (code) => events.push(`reset ${code}`)
    }
    acceptor.onClosed = ({ reason }) => events.push(reason)
    const lastStreamAndCode = Buffer.alloc(8)
    const opaque = encodeFarewell({ kind: 'close', code: 5, reason: 'bye' })
    socket.write(
      Buffer.concat([
        frame('headers', endHeaders, 3, requestHeaders(streamPath(0))),
        frame('data', 0, 3, Buffer.from('last words')),
        frame('data', endStream, 3),
        frame('goaway', 0, 0, Buffer.concat([lastStreamAndCode, opaque])),
      ]),
    )
    await acceptor.closed
    expect(events).toEqual(['last words', 'end', 'reset 5', 'bye'])
    socket.destroy()
  })

  it('frees the place of the connection at once at both ends', async () => {
    const { dialer, dialerNode, acceptorNode } = await pair()
    await dialer.close()
    expect(dialerNode.snapshot().connections).toEqual([])
    await until('the peer too', () => acceptorNode.transport.snapshot().connections.length === 0)
  })
})

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end) {
    // On purpose: nothing else of this process runs.
  }
}
