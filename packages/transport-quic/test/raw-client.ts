import { randomBytes } from 'node:crypto'
import type { native } from '@matrixai/quic'
import { bindUdpPort, type HostPort } from '@nodosum/transport'
import type { EngineConnection, SealedHandshakes } from '../src/ports.ts'
import { sealedPort } from './sealed.ts'

/** Long header, fixed bit, type Retry. */
const retryNibble = 0xf

type Config = ReturnType<(typeof native)['quiche']['Config']['withBoringSslCtx']>

/** A dialer without our driver: it can leave out its certificate, or never answer. */
export interface RawClient {
  readonly engine: EngineConnection & { session(): Uint8Array | null }
  readonly local: HostPort
  /** What `mayLeave` held back. */
  readonly withheld: readonly Buffer[]
  send(bytes: Uint8Array): void
  flush(): void
  close(): Promise<void>
}

export interface RawClientOptions {
  readonly caPem: string
  readonly certificatePem?: string
  readonly keyPem?: string
  readonly protocol: string
  /** Resumes the TLS session of an earlier connection, which it calls `session()`. */
  readonly session?: Uint8Array
  /** Sends the first packet and then falls silent. */
  readonly isMute?: boolean
  /** Sends nothing again that the network, or who should have answered, has lost. */
  readonly neverResends?: boolean
  /** Says of each datagram of the engine whether it is sent; all are unless told. */
  readonly mayLeave?: (bytes: Buffer) => boolean
  /** Null for handshakes in the clear. */
  readonly handshakes: SealedHandshakes | null
}

export async function rawConfig(options: RawClientOptions): Promise<Config> {
  const { native } = await import('@matrixai/quic')
  const { certificatePem, keyPem } = options
  const config = native.quiche.Config.withBoringSslCtx(
    true,
    false,
    Buffer.from(options.caPem),
    keyPem === undefined ? null : [Buffer.from(keyPem)],
    certificatePem === undefined ? null : [Buffer.from(certificatePem)],
    null,
  )
  config.setMaxIdleTimeout(5_000)
  config.setInitialMaxData(1_000_000)
  config.setInitialMaxStreamDataBidiLocal(1_000_000)
  config.setInitialMaxStreamDataBidiRemote(1_000_000)
  config.setInitialMaxStreamsBidi(100)
  config.setApplicationProtosWireFormat(
    Buffer.concat([Buffer.of(options.protocol.length), Buffer.from(options.protocol)]),
  )
  return config
}

export async function rawDial(remote: HostPort, options: RawClientOptions): Promise<RawClient> {
  const { native } = await import('@matrixai/quic')
  const config = await rawConfig(options)
  const bound = await bindUdpPort({ host: '127.0.0.1', port: 0 })
  const udp = options.handshakes === null ? bound : sealedPort(bound, options.handshakes)
  const connection = native.quiche.Connection.connect(
    null,
    randomBytes(20),
    udp.address,
    remote,
    config,
  )
  if (options.session !== undefined) connection.setSession(options.session)
  const engine = connection as unknown as RawClient['engine']
  const withheld: Buffer[] = []
  const flush = (): void => {
    for (;;) {
      const buffer = Buffer.alloc(1_500)
      const sent = engine.send(buffer)
      if (sent === null) return
      const bytes = buffer.subarray(0, sent[0])
      if (options.mayLeave?.(bytes) ?? true) udp.send(bytes, remote)
      else withheld.push(bytes)
    }
  }
  udp.onQuic = (bytes, from) => {
    // A demand for a token is answered by a mute one too: only then it has begun.
    if (options.isMute && bytes.readUInt8(0) >> 4 !== retryNibble) return
    try {
      engine.recv(bytes, { from, to: udp.address })
    } catch {
      // The tests look at the engine's state instead.
    }
    flush()
  }
  flush()
  // What the network loses is sent again.
  const timer = setInterval(() => {
    if (options.isMute || options.neverResends || engine.timeout() !== 0) return
    engine.onTimeout()
    flush()
  }, 10)
  return {
    engine,
    local: udp.address,
    withheld,
    send: (bytes) => udp.send(bytes, remote),
    flush,
    close: () => {
      clearInterval(timer)
      return udp.close()
    },
  }
}
