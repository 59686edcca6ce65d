/** The only place that touches `node:http2`. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type Http2Session,
  performServerHandshake,
  type SecureClientSessionOptions,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { outstandingPingsMax } from '@nodosum/transport'
import type { EngineSession, SessionEvents } from '../ports.ts'

/** What of the options ends in HTTP/2 settings. */
export interface SessionSettings {
  readonly streamWindowBytes: number
  readonly streamsMax: number
}

/** `connect` wants an origin; nobody looks at it. */
const origin = 'https://nodosum'
/**
 * What may be on its way on all streams together. It bounds no memory: Node renews it as bytes
 * arrive, so that a paused stream holds up no other; the windows of the streams bound memory.
 */
const connectionWindowBytes = 64 * 1024 * 1024
/** Requests have four short pseudo headers, responses one. */
const headerPairsMax = 8
const headerListBytesMax = 512
/** Beside those of the contract, one that keeps alive and one that closes. */
const ownPings = 2
/** Of Node's bookkeeping for all streams of a session; data does not count. */
const sessionMemoryMegabytes = 64

function sessionOptions(settings: SessionSettings): SecureClientSessionOptions {
  return {
    maxOutstandingPings: outstandingPingsMax + ownPings,
    maxSessionMemory: sessionMemoryMegabytes,
    maxHeaderListPairs: headerPairsMax,
    settings: {
      enablePush: false,
      initialWindowSize: settings.streamWindowBytes,
      maxFrameSize: frameBytesMax,
      // The limit that counts is the driver's; a stream that just ended may still count here.
      maxConcurrentStreams: settings.streamsMax * 2 + 1,
      maxHeaderListSize: headerListBytesMax,
      // Nothing is said twice, so a compression table would be dead weight.
      headerTableSize: 0,
    },
  }
}

/** The largest that TLS records carry without being split again. */
const frameBytesMax = 16_384

/** Speaks HTTP/2 on a connection whose peer is known. */
export function startSession(
  socket: TLSSocket,
  role: 'dialer' | 'acceptor',
  settings: SessionSettings,
  events: SessionEvents,
): EngineSession {
  const options = sessionOptions(settings)
  if (role === 'dialer') {
    const session = connect(origin, { ...options, createConnection: () => socket })
    return new NodeSession(session, session, events)
  }
  const session = performServerHandshake(socket, options)
  session.on('stream', (stream, headers) => {
    stream.on('error', ignored)
    if (stream.closed || stream.destroyed) {
      events.withdrawn()
      return
    }
    const path = headers[':method'] === 'POST' ? headers[':path'] : undefined
    events.requested(stream, path ?? '')
  })
  return new NodeSession(session, null, events)
}

class NodeSession implements EngineSession {
  readonly #session: Http2Session
  readonly #client: ClientHttp2Session | null

  constructor(session: Http2Session, client: ClientHttp2Session | null, events: SessionEvents) {
    this.#session = session
    this.#client = client
    session.on('error', (error: Error) => events.failed(error))
    session.on('goaway', (_code, _lastStream, opaque?: Uint8Array) => events.farewell(opaque))
    session.setLocalWindowSize(connectionWindowBytes)
  }

  request(path: string): ClientHttp2Stream | null {
    if (this.#client === null || this.#client.closed || this.#client.destroyed) return null
    const stream = this.#client.request({ ':method': 'POST', ':path': path }, { endStream: false })
    stream.on('error', ignored)
    return stream
  }

  ping(answered: (error: Error | null, roundTripMs: number) => void): boolean {
    if (this.#session.destroyed) return false
    let isSent = false
    // Node calls back for a ping that it did not send, too: at once when too many are under way, on
    // the next tick when the session closes.
    isSent =
      this.#session.ping((error: Error | null, roundTripMs: number) => {
        if (isSent) answered(error, roundTripMs)
      }) === true
    return isSent
  }

  goaway(opaque: Uint8Array): void {
    if (!this.#session.destroyed) this.#session.goaway(0, 0, opaque)
  }

  destroy(): void {
    this.#session.destroy()
  }
}

/** The close that follows says it too. */
function ignored(): void {}
