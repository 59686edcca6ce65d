/**
 * `attacker.ts <node id> <directory> <victim's port>`: a member like any other, until it is told to
 * attack. It has recorded what it sent to the victim, below the product, and sends from sockets of
 * strangers or from the port of the member that it is.
 */
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Answer, Attack, Attacked, Order } from './orders.ts'
import { openWiretap, plainSocket } from './wiretap.ts'

const [nodeId = '', directory = '', port = ''] = process.argv.slice(2)
const victim = { host: '127.0.0.1', port: Number(port) }
const wiretap = openWiretap()
const stopRecording = wiretap.recordTo(victim.port)
const { datagramKind } = await import('@nodosum/transport')
const { createNode } = await import('nodosum')
const { garbage, initials } = await import('./ammunition.ts')

const strangersCount = 64
/** More at once than this would only fill the socket's buffer: who is late stays late. */
const burstMax = 400
/** Recorded from this many requests: gossip, the handshake, and an established connection. */
const warmUpRequests = 300
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }

const node = await createNode({
  cluster: 'flood',
  nodeId,
  profile: 'development',
  developmentDirectory: directory,
  transport: 'quic',
  logger: quiet,
})
const echo = node.application('echo')
echo.onRequest((payload) => payload)

const received = { toStrangers: 0, toMember: 0 }
const strangers = await Promise.all(
  Array.from({ length: strangersCount }, (_, index) => stranger(index)),
)
const member = wiretap.sockets.find((socket) => socket.address().port === node.address.port)
member?.on('message', () => {
  received.toMember += 1
})

/** Each has an address of its own, as far as a machine has many. */
async function stranger(index: number): Promise<Socket> {
  const socket = plainSocket('udp4')
  socket.bind(0, `127.0.${1 + (index >> 4)}.${1 + index}`)
  await once(socket, 'listening')
  socket.connect(victim.port, victim.host)
  await once(socket, 'connect')
  socket.on('message', () => {
    received.toStrangers += 1
  })
  socket.on('error', () => {})
  return socket
}

async function recorded(): Promise<Buffer[]> {
  for (let index = 0; index < warmUpRequests; index += 1) {
    const [to = ''] = node
      .members()
      .map(({ nodeId: id }) => id)
      .filter((id) => id === 'victim')
    await echo.request(to, 'recorded', { timeoutMs: 10_000 })
  }
  return [...stopRecording()]
}

async function ammunition(attack: Attack): Promise<readonly Buffer[]> {
  if (attack.kind === 'garbage') return garbage()
  if (attack.kind === 'initials') return initials(victim)
  // There are few packets of handshakes among what was recorded: every other one is to be one.
  const handshakes = recording.filter((bytes) => isHandshake(bytes))
  return recording.flatMap((bytes, index) => {
    const handshake = handshakes[index % handshakes.length]
    return handshake === undefined ? [bytes] : [bytes, handshake]
  })
}

function isHandshake(bytes: Buffer): boolean {
  return datagramKind(bytes.readUInt8(0)) === 'handshake'
}

async function attack(given: Attack): Promise<Attacked> {
  const datagrams = await ammunition(given)
  const before = { ...received }
  const startMs = performance.now()
  let sent = 0
  for (;;) {
    const elapsedMs = performance.now() - startMs
    if (elapsedMs >= given.ms) break
    const due = Math.floor((elapsedMs * given.packetsPerSecond) / 1_000)
    for (const last = Math.min(due, sent + burstMax); sent < last; sent += 1) {
      const bytes = datagrams[sent % datagrams.length] as Buffer
      if (given.kind === 'replay-member') member?.send(bytes, victim.port, victim.host)
      else strangers[sent % strangersCount]?.send(bytes)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  // What is answered comes within a few turns of the victim; a second is long.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const toStrangers = received.toStrangers - before.toStrangers
  const toMember = received.toMember - before.toMember
  return { sent, different: datagrams.length, toStrangers, toMember }
}

async function rest(ms: number): Promise<Attacked> {
  const before = { ...received }
  await new Promise((resolve) => setTimeout(resolve, ms))
  const toStrangers = received.toStrangers - before.toStrangers
  return { sent: 0, different: 0, toStrangers, toMember: received.toMember - before.toMember }
}

function answer(message: Answer): void {
  process.send?.(message)
}

async function obey(order: Order): Promise<void> {
  if (order.order === 'attack') answer({ answer: 'attacked', ...(await attack(order.attack)) })
  else if (order.order === 'rest') answer({ answer: 'attacked', ...(await rest(order.ms)) })
  else if (order.order === 'close') {
    await node.close()
    process.exit()
  }
}

const recording = await recorded()
process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => answer({ answer: 'failed', message: String(error) }))
})
process.on('disconnect', () => process.exit())
answer({ answer: 'ready', port: node.address.port })
