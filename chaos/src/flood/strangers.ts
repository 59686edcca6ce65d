import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Attack } from './orders.ts'

/** Sockets that belong to nobody, with addresses of their own as far as a machine has many. */
export interface Strangers {
  /** From one after the other. */
  send(number: number, bytes: Uint8Array): void
  /** What has come to them. */
  readonly received: { packets: number; bytes: number }
}

const strangersCount = 64
/** More at once than this would only fill the socket's buffer: who is late stays late. */
const burstMax = 400

/** @param plainSocket makes a UDP socket that nobody listens in on */
export async function openStrangers(
  victim: { readonly host: string; readonly port: number },
  plainSocket: (type: 'udp4') => Socket,
): Promise<Strangers> {
  const received = { packets: 0, bytes: 0 }
  const open = async (index: number): Promise<Socket> => {
    const socket = plainSocket('udp4')
    socket.bind(0, `127.0.${1 + (index >> 4)}.${1 + index}`)
    await once(socket, 'listening')
    socket.connect(victim.port, victim.host)
    await once(socket, 'connect')
    socket.on('message', (bytes) => {
      received.packets += 1
      received.bytes += bytes.length
    })
    socket.on('error', () => {})
    return socket
  }
  const sockets = await Promise.all(Array.from({ length: strangersCount }, (_, at) => open(at)))
  return {
    send: (number, bytes) => sockets[number % strangersCount]?.send(bytes),
    received,
  }
}

/** Sends as many a second as was ordered, the datagrams in turn. */
export async function fire(
  datagrams: readonly Buffer[],
  { packetsPerSecond, ms }: Attack,
  send: (number: number, bytes: Buffer) => void,
): Promise<{ sent: number; sentBytes: number }> {
  const startMs = performance.now()
  let [sent, sentBytes] = [0, 0]
  for (;;) {
    const elapsedMs = performance.now() - startMs
    if (elapsedMs >= ms) break
    const due = Math.floor((elapsedMs * packetsPerSecond) / 1_000)
    for (const last = Math.min(due, sent + burstMax); sent < last; sent += 1) {
      const bytes = datagrams[sent % datagrams.length] as Buffer
      sentBytes += bytes.length
      send(sent, bytes)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  // What is answered comes within a few turns of the victim; a second is long.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  return { sent, sentBytes }
}
