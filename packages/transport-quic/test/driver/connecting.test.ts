import { randomBytes } from 'node:crypto'
import { bindUdpPort } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { until } from '../harness.ts'
import { rawDial } from '../raw-client.ts'
import { testSeal } from '../sealed.ts'
import { certificates, closers, codeOf, first, pairOf, second, start } from '../trusted-nodes.ts'

describe('connecting', () => {
  it('to IPv6 is refused where the port is bound to IPv4, and says so', async () => {
    const node = await start({ credentials: first })
    const dial = node.transport.connect({ host: '::1', port: 5 })
    expect(await codeOf(dial)).toBe('ERR_NODOSUM_CONFIG_INVALID')
    await expect(dial).rejects.toThrow('bind it to ::')
    expect(node.transport.snapshot().connections).toEqual([])
  })
})

describe('accepting', () => {
  it('ignores dials beyond the connection limit and counts them', async () => {
    const a = await start({ credentials: first, options: { connectTimeoutMs: 300 } })
    const b = await start({ credentials: second, options: { connectionsMax: 1 } })
    await b.transport.listen(() => {})
    await a.transport.connect(b.address)
    expect(await codeOf(a.transport.connect(b.address))).toBe('ERR_NODOSUM_CONNECT_TIMEOUT')
    expect(b.transport.snapshot().counters.refusedConnectionLimit).toBeGreaterThan(0)
  })

  it('keeps a bounded number of half-open connections and lets them expire', async () => {
    const options = { halfOpenMax: 3, connectTimeoutMs: 300 }
    const node = await start({ credentials: second, options })
    await node.transport.listen(() => {})
    for (let index = 0; index < 5; index += 1) {
      const raw = await rawDial(node.address, {
        caPem: certificates.caPem,
        protocol: 'nodosum/1',
        isMute: true,
        handshakes: testSeal(),
      })
      closers.push(() => raw.close())
    }
    await until('two were refused', () => {
      const { counters, connections } = node.transport.snapshot()
      return connections.length === 3 && counters.refusedHalfOpenLimit === 2
    })
    await until('all expired', () => node.transport.snapshot().connections.length === 0)
    const a = await start({ credentials: first })
    await a.transport.connect(node.address)
  })

  it('limits the rate of handshakes', async () => {
    const options = { acceptsPerSecond: 1, acceptBurst: 2 }
    const node = await start({ credentials: second, options })
    await node.transport.listen(() => {})
    const a = await start({ credentials: first, options: { connectTimeoutMs: 300 } })
    await a.transport.connect(node.address)
    await a.transport.connect(node.address)
    expect(await codeOf(a.transport.connect(node.address))).toBe('ERR_NODOSUM_CONNECT_TIMEOUT')
    expect(node.transport.snapshot().counters.refusedAcceptRate).toBeGreaterThan(0)
  })

  it('is not disturbed by garbage, also not by garbage that looks like QUIC', async () => {
    const node = await start({ credentials: second })
    await node.transport.listen(() => {})
    const noise = await bindUdpPort({ host: '127.0.0.1', port: 0 })
    closers.push(() => noise.close())
    let sent = 0
    const send = (bytes: Buffer): void => {
      noise.send(bytes, node.address)
      sent += 1
    }
    for (let round = 0; round < 300; round += 1) {
      send(Buffer.concat([Buffer.of(0x40), randomBytes(round)]))
      send(Buffer.concat([Buffer.of(0xc0, 0, 0, 0, 1, 20), randomBytes(round)]))
      send(Buffer.concat([Buffer.of(0xc0, 0, 0, 0, 1, 8), randomBytes(1_300)]))
      send(Buffer.concat([Buffer.of(0xc0), randomBytes(1_300)]))
      if (round % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await until(
      'all were seen',
      () => (node.transport.snapshot().counters.packets ?? 0) >= sent - 50,
    )
    expect(node.transport.snapshot().counters.accepted).toBeLessThanOrEqual(300)
    const a = await start({ credentials: first })
    const connection = await a.transport.connect(node.address)
    expect(connection.peer.nodeId).toBe('second')
  })

  it('drops packets of a connection that come from another address', async () => {
    const { dialer, acceptor, nodes } = await pairOf(
      { credentials: first },
      { credentials: second },
    )
    const captured: Buffer[] = []
    const thief = await bindUdpPort({ host: '127.0.0.1', port: 0 })
    closers.push(() => thief.close())
    const [a, b] = nodes
    const original = b.udp.onQuic
    b.udp.onQuic = (bytes, from) => {
      captured.push(Buffer.from(bytes))
      original?.(bytes, from)
    }
    dialer.openStream().write(Buffer.from('x'))
    await until('a packet', () => captured.length > 0)
    thief.send(captured[0] as Buffer, b.address)
    await until('dropped', () => b.transport.snapshot().counters.droppedForeignPath === 1)
    expect(acceptor.remote).toEqual(a.address)
  })
})
