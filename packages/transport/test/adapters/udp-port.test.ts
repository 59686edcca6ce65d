import { createSocket, Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { isNodosumError, type NodosumError } from '@nodosum/kernel'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { bindUdpPort, type HostPort, type UdpPort } from '../../src/index.ts'

async function bind(host = '127.0.0.1'): Promise<UdpPort> {
  const port = await bindUdpPort({ host, port: 0 })
  onTestFinished(() => port.close())
  return port
}

/** Generous, for machines that are busy with something else. */
async function until(condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { timeout: 15_000, interval: 5 })
}

function udpHandles(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('UDP')).length
}

/** The system frees a handle one turn of the event loop after its socket closed. */
async function noHandles(): Promise<void> {
  await until(() => udpHandles() === 0)
}

async function refusal(options: { host: string; port: number }): Promise<NodosumError> {
  const error: unknown = await bindUdpPort(options).then(
    (port) => port.close(),
    (thrown: unknown) => thrown,
  )
  if (isNodosumError(error)) return error
  throw new Error(`no coded error: ${error}`)
}

describe('a UDP port', () => {
  it('tells QUIC from gossip by the first byte, and leaves alone what is neither', async () => {
    const [a, b] = [await bind(), await bind()]
    const quic: number[] = []
    const gossip: number[] = []
    const from: HostPort[] = []
    b.onQuic = (bytes, sender) => {
      quic.push(bytes[0] as number)
      from.push(sender)
    }
    b.onPacket = (bytes) => void gossip.push(bytes[0] as number)
    const firsts = Array.from({ length: 256 }, (_, first) => first)
    for (const first of firsts) {
      a.send(Uint8Array.of(first, 1), b.address)
      if (first % 32 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => b.stats().receivedPackets === 256)
    const isQuic = (first: number): boolean => (first & 0x40) !== 0 || first >> 4 === 1
    expect(quic.sort((x, y) => x - y)).toEqual(firsts.filter(isQuic))
    expect(gossip.sort((x, y) => x - y)).toEqual(firsts.filter((first) => first < 0x10))
    expect(from[0]).toEqual(a.address)
    expect(b.stats()).toMatchObject({
      receivedPackets: 256,
      receivedBytes: 512,
      ignoredPackets: 96,
    })
    expect(a.stats()).toMatchObject({ sentPackets: 256, sentBytes: 512, sendErrors: 0 })
    expect(a.sendsInFlight).toBe(0)
  })

  it('counts what nobody wants: empty, or without a handler', async () => {
    const [a, b] = [await bind(), await bind()]
    a.send(new Uint8Array(0), b.address)
    a.send(Uint8Array.of(0x40), b.address)
    a.send(Uint8Array.of(0x00), b.address)
    await until(() => b.stats().ignoredPackets === 3)
  })

  it('counts what the system does not send, and never throws', async () => {
    const a = await bind()
    a.send(new Uint8Array(70_000), a.address)
    a.send(Uint8Array.of(1), { host: '127.0.0.1', port: 0 })
    a.send(Uint8Array.of(1), { host: 'not an address', port: 5 })
    a.send(Uint8Array.of(1), { host: '127.0.0.1', port: 70_000 })
    await until(() => a.stats().sendErrors === 4)
    await until(() => a.sendsInFlight === 0)
    expect(a.stats().sentPackets).toBe(0)
  })

  it('asks for buffers of 4 MiB, and for less where the system refuses that', async () => {
    const asked: number[] = []
    const set = vi.spyOn(Socket.prototype, 'setRecvBufferSize').mockImplementation((bytes) => {
      asked.push(bytes)
      if (bytes > 1_048_576) throw new Error('ENOBUFS')
    })
    onTestFinished(() => set.mockRestore())
    await bind()
    expect(asked).toEqual([4_194_304, 2_097_152, 1_048_576])
  })

  it('hands a datagram to the system at once: no detour over the resolver', async () => {
    const [a, b] = [await bind(), await bind()]
    const waiting = (): number => {
      const port = b.address.port.toString(16).toUpperCase().padStart(4, '0')
      const lines = readFileSync('/proc/net/udp', 'latin1').split('\n')
      const line = lines.find((one) => one.includes(` 0100007F:${port} `)) ?? ''
      return Number.parseInt(/ [0-9A-F]{8}:([0-9A-F]{8}) /.exec(line)?.[1] ?? '', 16)
    }
    expect(waiting()).toBe(0)
    a.send(Uint8Array.of(0x40), b.address)
    // The event loop has not turned since.
    expect(waiting()).toBeGreaterThan(0)
  })

  it('carries the largest datagram', async () => {
    const [a, b] = [await bind(), await bind()]
    const arrived = new Promise<number>((resolve) => {
      b.onPacket = (bytes) => resolve(bytes.length)
    })
    a.send(new Uint8Array(65_507), b.address)
    expect(await arrived).toBe(65_507)
  })

  it('shows IPv4 peers of an IPv6 socket as IPv4', async () => {
    const [a, b] = [await bind(), await bind('::')]
    const arrived = new Promise<HostPort>((resolve) => {
      b.onPacket = (_bytes, from) => resolve(from)
    })
    a.send(Uint8Array.of(1), { host: '127.0.0.1', port: b.address.port })
    expect(await arrived).toEqual(a.address)
  })

  it('with port 0 gets a free one of its own', async () => {
    const ports = (await Promise.all([bind(), bind(), bind()])).map((one) => one.address.port)
    expect(new Set(ports).size).toBe(3)
    for (const port of ports) expect(port).toBeGreaterThan(0)
  })

  it('counts a datagram to an address of the other family as not sent', async () => {
    const a = await bind()
    a.send(Uint8Array.of(1), { host: '::1', port: a.address.port })
    await until(() => a.stats().sendErrors === 1)
    expect([a.sendsInFlight, a.stats().sentPackets]).toEqual([0, 0])
  })

  it('leaves no handle after close, also with datagrams in flight', async () => {
    await noHandles()
    const ports = await Promise.all([
      bindUdpPort({ host: '127.0.0.1', port: 0 }),
      bindUdpPort({ host: '::', port: 0, receiveBufferBytes: 65_536, sendBufferBytes: 65_536 }),
    ])
    expect(udpHandles()).toBe(2)
    for (const port of ports) {
      for (let index = 0; index < 100; index += 1) {
        port.send(new Uint8Array(1_000), { host: '127.0.0.1', port: port.address.port })
      }
    }
    await Promise.all(ports.map((port) => port.close()))
    await noHandles()
    await until(() => ports.every((port) => port.sendsInFlight === 0))
  })

  it('is free again after close, and takes nothing more', async () => {
    const a = await bind()
    await a.close()
    await a.close()
    a.send(Uint8Array.of(1), a.address)
    const again = await bindUdpPort(a.address)
    await again.close()
    expect(again.address).toEqual(a.address)
  })
})

describe('binding is refused with a code', () => {
  it('when the port is taken, with what to do', async () => {
    await noHandles()
    const holder = createSocket('udp4').bind(0, '127.0.0.1')
    await once(holder, 'listening')
    onTestFinished(() => void holder.close())
    const { port } = holder.address()
    const error = await refusal({ host: '127.0.0.1', port })
    expect(error.code).toBe('ERR_NODOSUM_LISTEN_FAILED')
    expect(error.message).toContain('the port is taken')
    expect(error.details).toMatchObject({ host: '127.0.0.1', port, errno: 'EADDRINUSE' })
    // The socket that failed to bind is gone; the holder's is left.
    await until(() => udpHandles() === 1)
  })

  it('when the machine has no such address', async () => {
    const error = await refusal({ host: '192.0.2.1', port: 0 })
    expect(error.code).toBe('ERR_NODOSUM_LISTEN_FAILED')
    expect(error.message).toContain('no such address')
  })

  it('for a name, and for a port out of range', async () => {
    for (const options of [
      { host: 'localhost', port: 0 },
      { host: '127.0.0.1', port: 65_536 },
      { host: '127.0.0.1', port: -1 },
      { host: '127.0.0.1', port: 1.5 },
    ]) {
      expect((await refusal(options)).code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    }
  })
})
