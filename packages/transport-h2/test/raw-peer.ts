/** Peers below the transport: whatever TLS and HTTP/2 allow, and more. */
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  performServerHandshake,
  type ServerHttp2Session,
} from 'node:http2'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import {
  connect as connectTls,
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls'
import type { HostPort, TransportCredentials } from '@nodosum/transport'

export interface RawDialOptions extends Pick<SecureContextOptions, 'minVersion' | 'maxVersion'> {
  readonly credentials: Partial<TransportCredentials>
  readonly protocols?: string[]
  readonly session?: Buffer
}

function contextOf({ certificatePem, keyPem, caPem }: Partial<TransportCredentials>) {
  return { cert: certificatePem, key: keyPem, ca: caPem }
}

/** A socket that may be reset at any moment, also before it is connected. */
export function openTcp(remote: HostPort): Socket {
  const socket = connectTcp({ ...remote, noDelay: true })
  socket.on('error', () => {})
  return socket
}

export function dialTcp(remote: HostPort): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = openTcp(remote)
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
  })
}

/** Resolves after the handshake as the dialer sees it. */
export function dialTls(remote: HostPort, options: RawDialOptions): Promise<TLSSocket> {
  const { credentials, protocols = ['h2'], ...rest } = options
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...remote,
      ...contextOf(credentials),
      ...rest,
      ALPNProtocols: protocols,
      checkServerIdentity: () => undefined,
    })
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
    socket.on('error', () => {})
  })
}

/** An HTTP/2 client with a certificate that says nothing by itself. */
export async function dialHttp2(
  remote: HostPort,
  credentials: TransportCredentials,
): Promise<ClientHttp2Session> {
  const socket = await dialTls(remote, { credentials })
  const session = connectHttp2('https://raw', { createConnection: () => socket })
  session.on('error', () => {})
  return session
}

/** Resolves when the socket is gone. */
export function goneOf(socket: {
  destroyed: boolean
  once(event: 'close', listener: () => void): unknown
}): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
}

export interface RawListener {
  readonly address: HostPort
  close(): Promise<void>
}

/** Accepts TCP and never says a word. */
export async function listenSilently(): Promise<RawListener> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return rawListener(server, () => {
    for (const socket of sockets) socket.destroy()
  })
}

/** An HTTP/2 server with a good certificate; each session is the caller's. */
export async function listenHttp2(
  credentials: TransportCredentials,
  onSession: (session: ServerHttp2Session) => void,
): Promise<RawListener> {
  const sessions = new Set<ServerHttp2Session>()
  const options = { ...contextOf(credentials), requestCert: true, ALPNProtocols: ['h2'] }
  const server = createTlsServer(options, (socket) => {
    const session = performServerHandshake(socket)
    sessions.add(session)
    session.on('error', () => {})
    onSession(session)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return rawListener(server, () => {
    for (const session of sessions) session.destroy()
  })
}

function rawListener(server: ReturnType<typeof createServer>, drop: () => void): RawListener {
  return {
    address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    close: () => {
      drop()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
