import {
  type BootId,
  type ClusterName,
  type ErrorCode,
  errorCatalog,
  type NodeId,
  NodosumError,
  type Scheduler,
  type TimerHandle,
} from '@nodosum/kernel'
import type { ByteStream, Connection, ConnectionCloseReason } from '../ports.ts'
import { connectionFrame, frameBytesMax, frameType } from '../wire/frame.ts'
import { FrameDecoder } from '../wire/frame-decoder.ts'
import {
  decodeHello,
  decodeReject,
  encodeHello,
  encodeReject,
  type Hello,
  protocolVersions,
  type Reject,
} from '../wire/hello.ts'

/** Who this process is, as it says in every HELLO. */
export interface Self {
  readonly cluster: ClusterName
  readonly nodeId: NodeId
  readonly bootId: BootId
}

/** What a dialer wants a connection to carry. */
export interface Offer {
  readonly expected: NodeId
  readonly attachment: number
  /** The session that goes on, or the one that starts. */
  readonly session: string
  /** Whether the peer must know it. */
  readonly resumes: boolean
}

/** A connection whose two HELLOs are confirmed, with its control stream. */
export interface Established {
  readonly connection: Connection
  readonly peer: Pick<Hello, 'nodeId' | 'bootId' | 'windowBytes'>
  readonly dialer: NodeId
  readonly attachment: number
  /** The session that both ends agreed on. */
  readonly session: string
  readonly controlBytes: ByteStream
  /** What has arrived on the control stream after the HELLOs, once. */
  takeEarly(): Uint8Array[]
}

/** How an acceptor continues after a HELLO: with which session. */
export interface Welcome {
  readonly session: string
  readonly resumes: boolean
}

/** Decides about a HELLO from a dialer. */
export type Judge = (hello: Hello) => Reject | Welcome

export interface HandshakeOptions {
  readonly connection: Connection
  readonly self: Self
  readonly scheduler: Scheduler
  readonly timeoutMs: number
  /** What the peer may send on each lane at first. */
  readonly windowBytes: number
}

/** The other connection of two simultaneous ones was kept. */
export const duplicateCode = 'DUPLICATE'

/**
 * The dialer's side: opens the control stream, sends HELLO, waits for the acceptor's HELLO and
 * confirms it. Rejects with the acceptor's reason, or null for a connection that lost to another.
 */
export function greet(
  options: HandshakeOptions & { offer: Offer; rejected: (reject: Reject) => void },
): Promise<Established | null> {
  const { connection, self, offer } = options
  return new Promise((resolve, reject) => {
    const bytes = connection.openStream()
    const exchange = new Exchange(options, bytes, (problem) => reject(problem))
    exchange.write(frameType.hello, helloOf(options, offer))
    exchange.onFrame = (type, body) => {
      if (type === frameType.reject) {
        const refusal = decodeReject(body)
        exchange.finish()
        void connection.close()
        if (refusal !== null) options.rejected(refusal)
        if (refusal?.code === duplicateCode) resolve(null)
        else reject(refusalError(refusal))
        return
      }
      const peer = type === frameType.hello ? decodeHello(body) : null
      const problem = checkHello(peer, self, connection)
      if (peer === null || problem !== null) return exchange.fail(problem ?? undecodable())
      if (peer.nodeId !== offer.expected) {
        return exchange.fail(
          new NodosumError(
            'ERR_NODOSUM_IDENTITY_MISMATCH',
            `expected node ${offer.expected} at ${place(connection)}, found ${peer.nodeId}`,
          ),
        )
      }
      exchange.write(frameType.confirm, new Uint8Array(0))
      resolve(exchange.establish(peer, peer.session, self.nodeId, offer.attachment))
    }
  })
}

/** The acceptor's side; resolves to null when it turned the dialer away. */
export function answer(options: HandshakeOptions & { judge: Judge }): Promise<Established | null> {
  const { connection, self } = options
  return new Promise((resolve, reject) => {
    let peer: Hello | null = null
    let session = ''
    const timer = options.scheduler.after(options.timeoutMs, () => {
      connection.onStream = null
      void connection.close({ reason: 'no HELLO in time' })
      reject(new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', `no HELLO from ${place(connection)}`))
    })
    connection.onClosed = (reason) => {
      timer.cancel()
      reject(lost(connection, reason))
    }
    connection.onStream = (bytes) => {
      // Lanes that overtake CONFIRM wait in the connection until the session takes them over.
      connection.onStream = null
      timer.cancel()
      const opened = new Exchange(options, bytes, (problem) => reject(problem))
      opened.onFrame = (type, body) => {
        if (peer !== null) {
          if (type !== frameType.confirm) return opened.fail(undecodable())
          resolve(opened.establish(peer, session, peer.nodeId, peer.attachment))
          return
        }
        const hello = type === frameType.hello ? decodeHello(body) : null
        const problem = checkHello(hello, self, connection)
        const verdict =
          hello === null || problem !== null
            ? refusalOf(problem ?? undecodable())
            : options.judge(hello)
        if (hello === null || 'code' in verdict) {
          const refusal = 'code' in verdict ? verdict : refusalOf(undecodable())
          opened.write(frameType.reject, encodeReject(refusal))
          opened.finish()
          void connection.close({ reason: refusal.code })
          if (problem !== null) reject(problem)
          else resolve(null)
          return
        }
        peer = hello
        session = verdict.session
        const { nodeId: expected, attachment } = hello
        opened.write(frameType.hello, helloOf(options, { expected, attachment, ...verdict }))
      }
    }
  })
}

/** The control stream while HELLOs are exchanged, with one deadline for all of it. */
class Exchange {
  onFrame: ((type: number, body: Uint8Array) => void) | null = null
  readonly #options: HandshakeOptions
  readonly #bytes: ByteStream
  readonly #decoder: FrameDecoder
  readonly #timer: TimerHandle
  readonly #refuse: (problem: NodosumError) => void

  constructor(
    options: HandshakeOptions,
    bytes: ByteStream,
    refuse: (problem: NodosumError) => void,
  ) {
    this.#options = options
    this.#bytes = bytes
    this.#refuse = refuse
    const { connection } = options
    this.#decoder = new FrameDecoder({
      frameBytesMax,
      sink: {
        frame: (type, _flags, stream, sequence, chunk, start, end) => {
          if (stream !== 0 || sequence !== 0) this.fail(undecodable())
          else this.onFrame?.(type, chunk.subarray(start, end))
          return true
        },
      },
    })
    bytes.onData = (chunk) => {
      this.#decoder.push(chunk)
      if (this.#decoder.problem !== null) this.fail(undecodable())
    }
    this.#timer = options.scheduler.after(options.timeoutMs, () =>
      this.fail(
        new NodosumError(
          'ERR_NODOSUM_CONNECT_TIMEOUT',
          `${place(connection)} did not finish its HELLO within ${options.timeoutMs} ms`,
        ),
      ),
    )
    connection.onClosed = (reason) => {
      this.finish()
      refuse(lost(connection, reason))
    }
  }

  write(type: number, body: Uint8Array): void {
    this.#bytes.write(connectionFrame(type, body))
  }

  fail(problem: NodosumError): void {
    this.finish()
    this.#decoder.stop()
    void this.#options.connection.close({ reason: problem.code })
    this.#refuse(problem)
  }

  finish(): void {
    this.#timer.cancel()
    this.onFrame = null
    this.#options.connection.onClosed = null
  }

  /** What follows the HELLOs waits until the session takes it. */
  establish(peer: Hello, session: string, dialer: NodeId, attachment: number): Established {
    this.finish()
    this.#decoder.pause()
    return {
      connection: this.#options.connection,
      peer,
      dialer,
      attachment,
      session,
      controlBytes: this.#bytes,
      takeEarly: () => this.#decoder.takeHeld(),
    }
  }
}

function helloOf({ self, windowBytes }: HandshakeOptions, offer: Offer): Uint8Array {
  return encodeHello({
    versionMin: protocolVersions.min,
    versionMax: protocolVersions.max,
    features: 0,
    cluster: self.cluster,
    nodeId: self.nodeId,
    bootId: self.bootId,
    windowBytes,
    ...offer,
  })
}

/** What is wrong with a HELLO that decoded, as the one who got it sees it. */
function checkHello(hello: Hello | null, self: Self, connection: Connection): NodosumError | null {
  if (hello === null) return undecodable()
  const from = `${hello.nodeId} at ${place(connection)}`
  if (hello.cluster !== self.cluster) {
    return new NodosumError(
      'ERR_NODOSUM_CLUSTER_MISMATCH',
      `${from} belongs to cluster ${hello.cluster}, this node to ${self.cluster}`,
    )
  }
  if (hello.versionMin > protocolVersions.max || hello.versionMax < protocolVersions.min) {
    return new NodosumError(
      'ERR_NODOSUM_VERSION_INCOMPATIBLE',
      `${from} speaks session versions ${hello.versionMin} to ${hello.versionMax}, ` +
        `this node ${protocolVersions.min} to ${protocolVersions.max}`,
    )
  }
  const proven = connection.peer.nodeId
  if (proven !== null && proven !== hello.nodeId) {
    return new NodosumError(
      'ERR_NODOSUM_IDENTITY_MISMATCH',
      `${from} presented the certificate of ${proven}`,
    )
  }
  if (hello.expected !== self.nodeId) {
    return new NodosumError(
      'ERR_NODOSUM_IDENTITY_MISMATCH',
      `${from} looked for ${hello.expected || 'nobody'}, this node is ${self.nodeId}`,
    )
  }
  if (hello.nodeId === self.nodeId) {
    return new NodosumError(
      'ERR_NODOSUM_NODE_ID_CONFLICT',
      `another process at ${place(connection)} uses the node id ${self.nodeId}`,
    )
  }
  return null
}

/** What a dialer that is turned away is told. */
export function refusalOf(problem: NodosumError): Reject {
  return { code: problem.code, message: problem.message, attachment: 0 }
}

function refusalError(refusal: Reject | null): NodosumError {
  if (refusal === null) return undecodable()
  const known = Object.hasOwn(errorCatalog, refusal.code)
  const code = known ? (refusal.code as ErrorCode) : 'ERR_NODOSUM_CONNECTION_LOST'
  const message = `the peer refused the session: ${refusal.message}`
  return new NodosumError(code, message, { details: { remote: true } })
}

function undecodable(): NodosumError {
  return new NodosumError('ERR_NODOSUM_DECODE_FAILED', 'what arrived is not a HELLO exchange')
}

function lost(connection: Connection, reason: ConnectionCloseReason): NodosumError {
  return (
    reason.error ??
    new NodosumError(
      'ERR_NODOSUM_CONNECTION_LOST',
      `the connection to ${place(connection)} ended during HELLO: ${reason.reason || reason.code}`,
    )
  )
}

function place(connection: Connection): string {
  return `${connection.remote.host}:${connection.remote.port}`
}
