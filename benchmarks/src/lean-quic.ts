/**
 * The limit of QUIC in Node: the quiche binding on a socket, one connection, one stream, and nothing
 * of what a driver owes: no deadlines but the engine's, no fairness, no check of names, no counters.
 */
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { native } from '@matrixai/quic'
import { credentialsOf } from './credentials.ts'
import type { Lane } from './messages.ts'

type Engine = ReturnType<(typeof native)['quiche']['Connection']['connect']>
type Config = ReturnType<(typeof native)['quiche']['Config']['withBoringSslCtx']>
interface HostPort {
  readonly host: string
  readonly port: number
}

const host = '127.0.0.1'
const idBytes = 20
const streamId = 0
const windowBytes = 2 ** 40
const streamWindowBytes = 16 << 20
const socketBufferBytes = 4 << 20
const queuedBytesMax = 1 << 20
const packetsPerTurnMax = 64

/** One socket, and at most one connection on it. */
export class LeanEndpoint {
  readonly #socket: Socket
  readonly #local: HostPort
  readonly #config: Config
  readonly #packetBytes: number
  readonly #readBuffer = Buffer.allocUnsafeSlow(1 << 18)
  readonly #onLane: (lane: Lane) => void
  #engine: Engine | null = null
  #remote: HostPort | null = null
  #lane: Lane | null = null
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #isFull = false
  #isScheduled = false
  #timer: NodeJS.Timeout | undefined

  private constructor(
    socket: Socket,
    config: Config,
    packetBytes: number,
    onLane: (lane: Lane) => void,
  ) {
    this.#socket = socket
    this.#local = { host, port: socket.address().port }
    this.#config = config
    this.#packetBytes = packetBytes
    this.#onLane = onLane
    socket.on('message', (bytes, from) => this.#receive(bytes, { host, port: from.port }))
  }

  /** @param onLane gets the stream as soon as the handshake is over */
  static async open(
    directory: string,
    nodeId: string,
    packetBytes: number,
    onLane: (lane: Lane) => void,
  ): Promise<LeanEndpoint> {
    const socket = createSocket({
      type: 'udp4',
      recvBufferSize: socketBufferBytes,
      sendBufferSize: socketBufferBytes,
      // Without it every send goes through the resolver.
      lookup: (name, _options, callback) => callback(null, name, 4),
    })
    // Without a resolver it may listen before `bind` returns.
    const listening = once(socket, 'listening')
    socket.bind(0, host)
    await listening
    const config = await configOf(directory, nodeId, packetBytes)
    return new LeanEndpoint(socket, config, packetBytes, onLane)
  }

  get port(): number {
    return this.#local.port
  }

  connect(port: number): void {
    this.#remote = { host, port }
    const id = randomBytes(idBytes)
    const { Connection } = native.quiche
    this.#engine = Connection.connect(null, id, this.#local, this.#remote, this.#config)
    this.#flush()
  }

  close(): Promise<void> {
    clearTimeout(this.#timer)
    return new Promise((resolve) => this.#socket.close(() => resolve()))
  }

  #receive(bytes: Buffer, from: HostPort): void {
    if (this.#engine === null) {
      this.#remote = from
      const id = randomBytes(idBytes)
      const { Connection } = native.quiche
      this.#engine = Connection.accept(id, null, this.#local, from, this.#config)
    }
    this.#engine.recv(bytes, { from, to: this.#local })
    if (this.#lane === null && this.#engine.isEstablished()) this.#established()
    this.#schedule()
  }

  #established(): void {
    const lane: Lane = {
      write: (chunk) => this.#write(chunk),
      onWritable: null,
      onData: null,
    }
    this.#lane = lane
    this.#onLane(lane)
  }

  #write(chunk: Uint8Array): boolean {
    this.#queue.push(chunk)
    this.#queuedBytes += chunk.length
    // Once it is full, only an empty queue is room again: whoever was told so waits for `onWritable`.
    if (this.#queuedBytes > queuedBytesMax) this.#isFull = true
    this.#schedule()
    return !this.#isFull
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#isScheduled = false
    this.#read()
    this.#push()
    this.#flush()
  }

  #read(): void {
    const engine = this.#engine as Engine
    if (!engine.isReadable()) return
    for (;;) {
      const read = engine.streamRecv(streamId, this.#readBuffer)
      if (read === null) return
      // A copy: whoever takes it keeps the messages that are cut.
      this.#lane?.onData?.(Buffer.from(this.#readBuffer.subarray(0, read[0])))
      if (read[0] < this.#readBuffer.length) return
    }
  }

  #push(): void {
    const engine = this.#engine as Engine
    while (this.#queue.length > 0) {
      const chunk = this.#queue[0] as Uint8Array
      const sent = engine.streamSend(streamId, chunk, false)
      if (sent === null) return
      this.#queuedBytes -= sent
      if (sent < chunk.length) {
        this.#queue[0] = chunk.subarray(sent)
        return
      }
      this.#queue.shift()
    }
    if (!this.#isFull) return
    this.#isFull = false
    this.#lane?.onWritable?.()
  }

  #flush(): void {
    const engine = this.#engine as Engine
    const { host: to, port } = this.#remote as HostPort
    for (let packets = 0; ; packets += 1) {
      if (packets === packetsPerTurnMax) {
        this.#schedule()
        break
      }
      const packet = Buffer.allocUnsafe(this.#packetBytes)
      const sent = engine.send(packet)
      if (sent === null) break
      this.#socket.send(packet, 0, sent[0], port, to)
    }
    clearTimeout(this.#timer)
    const timeoutMs = engine.timeout()
    if (timeoutMs === null) return
    this.#timer = setTimeout(() => {
      engine.onTimeout()
      this.#flush()
    }, timeoutMs + 1)
  }
}

async function configOf(directory: string, nodeId: string, packetBytes: number): Promise<Config> {
  const { certificatePem, keyPem, caPem } = await credentialsOf(directory, nodeId)
  const [ca, key, certificate] = [caPem, keyPem, certificatePem].map((pem) => Buffer.from(pem))
  if (ca === undefined || key === undefined || certificate === undefined) throw new Error('no PEM')
  const { Config } = native.quiche
  const config = Config.withBoringSslCtx(true, false, ca, [key], [certificate], null)
  config.grease(false)
  // A pair waits until it is its turn.
  config.setMaxIdleTimeout(0)
  config.setMaxRecvUdpPayloadSize(65_527)
  config.setMaxSendUdpPayloadSize(packetBytes)
  config.setInitialMaxData(windowBytes)
  config.setMaxConnectionWindow(windowBytes)
  config.setInitialMaxStreamDataBidiLocal(streamWindowBytes)
  config.setInitialMaxStreamDataBidiRemote(streamWindowBytes)
  config.setMaxStreamWindow(streamWindowBytes)
  config.setInitialMaxStreamsBidi(100)
  config.setDisableActiveMigration(true)
  config.setApplicationProtosWireFormat(Buffer.from('\x04lean', 'latin1'))
  config.setCcAlgorithmName('cubic')
  config.enablePacing(false)
  return config
}
