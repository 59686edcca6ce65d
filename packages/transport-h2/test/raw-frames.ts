/** HTTP/2 by hand (RFC 9113), for peers that Node's own client would not be. */

import type { TLSSocket } from 'node:tls'
import type { HostPort, TransportCredentials } from '@nodosum/transport'
import { controlPath } from '../src/wire/request-path.ts'
import { dialTls } from './raw-peer.ts'

const frameTypes = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  continuation: 9,
} as const
export const endHeaders = 4
export const endStream = 1

export function frame(
  type: keyof typeof frameTypes,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer {
  const bytes = Buffer.alloc(9 + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = frameTypes[type]
  bytes[4] = flags
  bytes.writeUInt32BE(stream, 5)
  bytes.set(payload, 9)
  return bytes
}

/** HPACK (RFC 7541): three pseudo headers of the static table, and two texts. */
export function requestHeaders(path: string): Buffer {
  const text = (value: string): Buffer =>
    Buffer.concat([Buffer.of(value.length), Buffer.from(value)])
  const [post, https, authority, pathName] = [0x83, 0x87, 0x01, 0x04]
  return Buffer.concat([
    Buffer.of(post, https, authority),
    text('x'),
    Buffer.of(pathName),
    text(path),
  ])
}

export const preface: Buffer = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame('settings', 0, 0),
])

/** The first request of a connection, on HTTP/2 stream 1. */
export const controlRequest: Buffer = frame('headers', endHeaders, 1, requestHeaders(controlPath))

/** A peer with a good certificate that has sent the preface, and reads nothing. */
export async function dialByHand(
  remote: HostPort,
  credentials: TransportCredentials,
): Promise<TLSSocket> {
  const socket = await dialTls(remote, { credentials })
  socket.pause()
  socket.write(preface)
  return socket
}
