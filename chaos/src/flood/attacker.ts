/**
 * `attacker.ts <node id> <directory> <victim's port>`: a member like any other, until it is told to
 * attack. It has recorded what it sent to the victim, below the product, and sends from sockets of
 * strangers or from the port of the member that it is.
 */
import type { Answer, Attack, Attacked, Order } from './orders.ts'
import { fire, openStrangers } from './strangers.ts'
import { openWiretap, plainSocket } from './wiretap.ts'

const [nodeId = '', directory = '', port = ''] = process.argv.slice(2)
const victim = { host: '127.0.0.1', port: Number(port) }
const wiretap = openWiretap()
const stopRecording = wiretap.recordTo(victim.port)
const { datagramKind } = await import('@nodosum/transport')
const { createNode } = await import('nodosum')
const { garbage, initials } = await import('./ammunition.ts')

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

const strangers = await openStrangers(victim, plainSocket)
let toMember = 0
const member = wiretap.sockets.find((socket) => socket.address().port === node.address.port)
member?.on('message', () => {
  toMember += 1
})

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
  const before = booked()
  const fired = await fire(datagrams, given, (number, bytes) => {
    if (given.kind === 'replay-member') member?.send(bytes, victim.port, victim.host)
    else strangers.send(number, bytes)
  })
  return { ...fired, different: datagrams.length, ...since(before) }
}

async function rest(ms: number): Promise<Attacked> {
  const before = booked()
  await new Promise((resolve) => setTimeout(resolve, ms))
  return { sent: 0, sentBytes: 0, different: 0, ...since(before) }
}

type Booked = Pick<Attacked, 'toStrangers' | 'bytesToStrangers' | 'toMember'>

function booked(): Booked {
  const { packets, bytes } = strangers.received
  return { toStrangers: packets, bytesToStrangers: bytes, toMember }
}

function since(before: Booked): Booked {
  const now = booked()
  return {
    toStrangers: now.toStrangers - before.toStrangers,
    bytesToStrangers: now.bytesToStrangers - before.bytesToStrangers,
    toMember: now.toMember - before.toMember,
  }
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
