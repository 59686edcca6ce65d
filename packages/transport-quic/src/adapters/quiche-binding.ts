/** The only place that touches `@matrixai/quic`: it uses its quiche binding and nothing else. */
import { NodosumError } from '@nodosum/kernel'
import { checkCredentials, type TransportCredentials } from '@nodosum/transport'
import type {
  Engine,
  EngineAcceptOptions,
  EngineConnection,
  EngineConnectionOptions,
  RetryOptions,
} from '../ports.ts'

/** What of the options ends in the engine's configuration. */
export interface EngineSettings {
  readonly idleTimeoutMs: number
  readonly streamWindowBytes: number
  readonly streamCredits: number
}

interface QuicheConfig {
  grease(value: boolean): void
  setMaxIdleTimeout(value: number): void
  setMaxRecvUdpPayloadSize(value: number): void
  setMaxSendUdpPayloadSize(value: number): void
  setInitialMaxData(value: number): void
  setInitialMaxStreamDataBidiLocal(value: number): void
  setInitialMaxStreamDataBidiRemote(value: number): void
  setInitialMaxStreamDataUni(value: number): void
  setInitialMaxStreamsBidi(value: number): void
  setInitialMaxStreamsUni(value: number): void
  setMaxConnectionWindow(value: number): void
  setMaxStreamWindow(value: number): void
  setActiveConnectionIdLimit(value: number): void
  setDisableActiveMigration(value: boolean): void
  setApplicationProtosWireFormat(value: Uint8Array): void
  setCcAlgorithmName(value: string): void
  enablePacing(value: boolean): void
  enableDgram(enabled: boolean, receiveQueue: number, sendQueue: number): void
}

interface Quiche {
  Config: {
    withBoringSslCtx(
      verifyPeer: boolean,
      verifyAllowFail: boolean,
      ca: Uint8Array,
      key: Uint8Array[],
      certificate: Uint8Array[],
      signatureAlgorithms: null,
    ): QuicheConfig
  }
  Connection: {
    connect(
      serverName: null,
      id: Uint8Array,
      local: object,
      remote: object,
      config: QuicheConfig,
    ): EngineConnection
    accept(
      id: Uint8Array,
      originalId: Uint8Array | null,
      local: object,
      remote: object,
      config: QuicheConfig,
    ): EngineConnection
  }
  retry(
    sourceId: Uint8Array,
    destinationId: Uint8Array,
    retryId: Uint8Array,
    token: Uint8Array,
    version: number,
    out: Uint8Array,
  ): number
}

/** ALPN: both ends must say it. */
export const applicationProtocol = 'nodosum/1'

/**
 * So large that it is never used up: a lost MAX_DATA is not resent by this engine, and resets leak
 * from this window. Memory is bounded by streams times their windows instead.
 */
const connectionWindowBytes = 2 ** 40
const udpPayloadBytesMax = 65_527
/** Probes of the path and their answers; beyond it the oldest is dropped, as if it was lost. */
const datagramQueue = 16
/** The two the RFC demands; rotating ids is not used. */
const connectionIdLimit = 2
/** Two ids, a token of ours and the tag take less than 200. */
const retryPacketBytesMax = 512

/**
 * Loads the binding and checks the credentials by building a configuration with them.
 *
 * @throws ERR_NODOSUM_TRANSPORT_UNAVAILABLE when this platform has no build of the binding;
 *   ERR_NODOSUM_CONFIG_INVALID when the credentials cannot be used
 */
export async function loadEngine(
  credentials: TransportCredentials,
  settings: EngineSettings,
  load: () => Promise<unknown> = () => import('@matrixai/quic'),
): Promise<Engine> {
  const quiche = await loadBinding(load)
  checkCredentials('QUIC', credentials)
  return new QuicheEngine(quiche, credentials, settings)
}

async function loadBinding(load: () => Promise<unknown>): Promise<Quiche> {
  const where = `${process.platform} ${process.arch}, Node ${process.version}`
  let loaded: { native?: { quiche?: Quiche } }
  try {
    loaded = (await load()) as typeof loaded
  } catch (cause) {
    throw new NodosumError(
      'ERR_NODOSUM_TRANSPORT_UNAVAILABLE',
      `QUIC is not available: the binding of @matrixai/quic does not load on ${where} ` +
        `(${firstLine(cause)}); it has builds for glibc Linux x64, macOS and Windows x64; ` +
        `install it there, or use transport h2`,
      { cause },
    )
  }
  const quiche = loaded.native?.quiche
  if (typeof quiche?.Connection?.connect !== 'function') {
    throw new NodosumError(
      'ERR_NODOSUM_TRANSPORT_UNAVAILABLE',
      `QUIC is not available: @matrixai/quic on ${where} exports no quiche binding; ` +
        'this package needs version 2.0.9',
    )
  }
  return quiche
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 1)[0]?.slice(0, 200) ?? ''
}

/**
 * The binding casts numbers to unsigned 64 bits; one that is negative or 2^62 or more aborts the
 * whole process, so nothing unchecked may pass.
 */
function checked(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `${name} must be an integer from 0 to 2^53-1, got ${String(value)}`,
  )
}

class QuicheEngine implements Engine {
  readonly #quiche: Quiche
  readonly #credentials: TransportCredentials
  readonly #settings: EngineSettings
  /** Configurations are reused: by largest packet, of which there are two in `auto`. */
  readonly #configs = new Map<number, QuicheConfig>()

  constructor(quiche: Quiche, credentials: TransportCredentials, settings: EngineSettings) {
    this.#quiche = quiche
    this.#credentials = credentials
    this.#settings = settings
    this.#configFor(1200)
  }

  dial(options: EngineConnectionOptions): EngineConnection {
    const { id, local, remote } = options
    const config = this.#configFor(options.packetBytes)
    return this.#quiche.Connection.connect(null, id, local, remote, config)
  }

  accept(options: EngineAcceptOptions): EngineConnection {
    const { id, local, remote, originalId = null } = options
    const config = this.#configFor(options.packetBytes)
    return this.#quiche.Connection.accept(id, originalId, local, remote, config)
  }

  retry({ sourceId, destinationId, retryId, token }: RetryOptions): Uint8Array {
    const out = Buffer.allocUnsafe(retryPacketBytesMax)
    const version = 1
    const length = this.#quiche.retry(sourceId, destinationId, retryId, token, version, out)
    return out.subarray(0, length)
  }

  withCredentials(credentials: TransportCredentials): Engine {
    checkCredentials('QUIC', credentials)
    return new QuicheEngine(this.#quiche, credentials, this.#settings)
  }

  #configFor(packetBytes: number): QuicheConfig {
    const known = this.#configs.get(packetBytes)
    if (known !== undefined) return known
    const config = this.#build()
    this.#apply(config, packetBytes)
    this.#configs.set(packetBytes, config)
    return config
  }

  #build(): QuicheConfig {
    const { certificatePem, keyPem, caPem } = this.#credentials
    const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8')
    try {
      // Verify: always. Allowing failure would switch every check off, also the CA's. And
      // `verifyPeer` must not be called afterwards: it loosens "a certificate is required".
      return this.#quiche.Config.withBoringSslCtx(
        true,
        false,
        bytes(caPem),
        [bytes(keyPem)],
        [bytes(certificatePem)],
        null,
      )
    } catch (cause) {
      throw new NodosumError(
        'ERR_NODOSUM_CONFIG_INVALID',
        `QUIC cannot use the credentials (${firstLine(cause)}): the key must be PKCS #8`,
        { cause },
      )
    }
  }

  #apply(config: QuicheConfig, packetBytes: number): void {
    const { idleTimeoutMs, streamWindowBytes, streamCredits } = this.#settings
    const window = checked(streamWindowBytes, 'streamWindowBytes')
    const protocol = Buffer.from(applicationProtocol, 'latin1')
    config.grease(false)
    config.setApplicationProtosWireFormat(Buffer.concat([Buffer.of(protocol.length), protocol]))
    config.setMaxIdleTimeout(checked(idleTimeoutMs, 'idleTimeoutMs'))
    config.setMaxRecvUdpPayloadSize(udpPayloadBytesMax)
    config.setMaxSendUdpPayloadSize(checked(packetBytes, 'packetBytes'))
    config.setInitialMaxData(connectionWindowBytes)
    config.setMaxConnectionWindow(connectionWindowBytes)
    config.setInitialMaxStreamDataBidiLocal(window)
    config.setInitialMaxStreamDataBidiRemote(window)
    config.setMaxStreamWindow(window)
    config.setInitialMaxStreamsBidi(checked(streamCredits, 'streamCredits'))
    config.setInitialMaxStreamDataUni(0)
    config.setInitialMaxStreamsUni(0)
    config.setActiveConnectionIdLimit(connectionIdLimit)
    config.setDisableActiveMigration(true)
    config.setCcAlgorithmName('cubic')
    config.enablePacing(false)
    config.enableDgram(true, datagramQueue, datagramQueue)
  }
}
