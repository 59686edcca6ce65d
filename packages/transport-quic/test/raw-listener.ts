import { randomBytes } from 'node:crypto'
import { bindUdpPort, type HostPort } from '@nodosum/transport'
import type { EngineConnection } from '../src/ports.ts'
import { type RawClientOptions, rawConfig } from './raw-client.ts'
import { sealedPort } from './sealed.ts'

/** An acceptor without our driver, for one connection; it speaks the protocol it is told. */
export async function rawListen(
  options: RawClientOptions,
): Promise<{ readonly address: HostPort; close(): Promise<void> }> {
  const { native } = await import('@matrixai/quic')
  const config = await rawConfig(options)
  const bound = await bindUdpPort({ host: '127.0.0.1', port: 0 })
  const udp = options.handshakes === null ? bound : sealedPort(bound, options.handshakes)
  let engine: EngineConnection | null = null
  let dialer: HostPort | null = null
  let lastWords = Buffer.alloc(0)
  const flush = (): void => {
    for (;;) {
      const buffer = Buffer.alloc(1_500)
      const sent = engine?.send(buffer) ?? null
      if (sent === null || dialer === null) return
      lastWords = buffer.subarray(0, sent[0])
      udp.send(lastWords, dialer)
    }
  }
  udp.onQuic = (bytes, from) => {
    engine ??= native.quiche.Connection.accept(
      randomBytes(20),
      null,
      udp.address,
      from,
      config,
    ) as unknown as EngineConnection
    try {
      engine.recv(bytes, { from, to: udp.address })
    } catch {
      // The tests look at the other end.
    }
    dialer = from
    flush()
    // Who still talks has not heard the refusal.
    if (engine.isDraining()) udp.send(lastWords, from)
  }
  // What the network loses is sent again.
  const timer = setInterval(() => {
    if (engine?.timeout() !== 0) return
    engine.onTimeout()
    flush()
  }, 10)
  return {
    address: udp.address,
    close: () => {
      clearInterval(timer)
      return udp.close()
    },
  }
}
