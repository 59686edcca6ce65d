/** `stranger.ts <victim's port>`: belongs to no cluster, and sends what it is told to. */
import { createSocket } from 'node:dgram'
import { tokens } from './ammunition.ts'
import type { Answer, Attack, Attacked, Order } from './orders.ts'
import { fire, openStrangers } from './strangers.ts'

const victim = { host: '127.0.0.1', port: Number(process.argv[2]) }
const strangers = await openStrangers(victim, createSocket)
const datagrams = await tokens(victim)

async function attack(given: Attack): Promise<Attacked> {
  const before = { ...strangers.received }
  const fired = await fire(datagrams, given, (number, bytes) => strangers.send(number, bytes))
  const { packets, bytes } = strangers.received
  const answers = {
    toStrangers: packets - before.packets,
    bytesToStrangers: bytes - before.bytes,
    toMember: 0,
  }
  return { ...fired, different: datagrams.length, ...answers }
}

/** It is no member: nothing comes to it. */
async function rest(ms: number): Promise<Attacked> {
  await new Promise((resolve) => setTimeout(resolve, ms))
  const nothing = { toStrangers: 0, bytesToStrangers: 0, toMember: 0 }
  return { sent: 0, sentBytes: 0, different: 0, ...nothing }
}

function answer(message: Answer): void {
  process.send?.(message)
}

process.on('message', (order: Order) => {
  const work =
    order.order === 'attack' ? attack(order.attack) : rest(order.order === 'rest' ? order.ms : 0)
  work.then(
    (attacked) => answer({ answer: 'attacked', ...attacked }),
    (error: unknown) => answer({ answer: 'failed', message: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
answer({ answer: 'ready', port: victim.port })
