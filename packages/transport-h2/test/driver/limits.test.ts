import { describe, expect, it } from 'vitest'
import { closers, codeOf, listen, start, until } from '../nodes.ts'
import { openTcp } from '../raw-peer.ts'

describe('the limits of accepting', () => {
  it('bound half-open connections, and those that stay silent expire', async () => {
    const options = { halfOpenMax: 3, connectTimeoutMs: 500 }
    const node = await listen({ options })
    for (let index = 0; index < 5; index += 1) {
      const socket = openTcp(node.address)
      closers.push(() => socket.destroy())
    }
    await until('two were refused', () => node.counters().refusedHalfOpenLimit === 2)
    expect(node.transport.snapshot().connections).toHaveLength(3)
    await until('all expired', () => node.transport.snapshot().connections.length === 0)
    expect(node.counters().handshakeTimeouts).toBe(3)
    await start().connect(node.address)
  })

  it('bound half-open connections of one source', async () => {
    const node = await listen({ options: { halfOpenPerSourceMax: 2 } })
    for (let index = 0; index < 3; index += 1) {
      const socket = openTcp(node.address)
      closers.push(() => socket.destroy())
    }
    await until('one was refused', () => node.counters().refusedSourceLimit === 1)
  })

  it('bound the connections of one source, and a closed one makes room', async () => {
    const node = await listen({ options: { connectionsPerSourceMax: 2 } })
    const dialer = start()
    const connection = await dialer.connect(node.address)
    await dialer.connect(node.address)
    expect(await codeOf(dialer.connect(node.address))).toBe('ERR_NODOSUM_CONNECTION_LOST')
    expect(node.counters().refusedSourceLimit).toBe(1)
    await connection.close()
    await until('there is room', () => node.transport.snapshot().connections.length === 1)
    await dialer.connect(node.address)
  })

  it('bound the rate of handshakes', async () => {
    const node = await listen({ options: { acceptsPerSecond: 1, acceptBurst: 2 } })
    const dialer = start()
    await dialer.connect(node.address)
    await dialer.connect(node.address)
    expect(await codeOf(dialer.connect(node.address))).toBe('ERR_NODOSUM_CONNECTION_LOST')
    expect(node.counters().refusedAcceptRate).toBe(1)
  })

  it('spend no TLS on whoever is turned away', async () => {
    const node = await listen({ options: { connectionsMax: 1 } })
    const dialer = start()
    await dialer.connect(node.address)
    const socket = openTcp(node.address)
    const received: Buffer[] = []
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    await until('it is reset', () => socket.destroyed)
    expect(received).toEqual([])
    expect(node.counters().refusedConnectionLimit).toBe(1)
  })
})
