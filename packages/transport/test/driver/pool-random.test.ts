import { type NodeId, NodosumError, parseNodeId, type Random } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import type { Connection } from '../../src/index.ts'
import {
  codeOf,
  type FakeConnection,
  FakeUse,
  listening,
  type PoolWorld,
  poolWorld,
  settle,
} from '../pool-world.ts'

const limits = {
  connectionsMax: 6,
  connectionsPerSourceMax: 3,
  halfOpenMax: 2,
  dialsMax: 3,
  dialQueueMax: 1,
  dialsPerSecond: 20,
  dialBurst: 3,
  acceptsPerSecond: 20,
  acceptBurst: 2,
  acceptQueueMax: 2,
  idleTimeoutMs: 3_000,
  connectionPacketsMax: 1_000,
  replaceWithinMs: 1_000,
  replaceRetryMs: 500,
  stallTimeoutMs: 2_000,
  pingMs: 1_000,
}

const peers = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((id) => parseNodeId(id))
const answerCodes = [
  'resolved',
  'ERR_NODOSUM_CANCELLED',
  'ERR_NODOSUM_NOT_CONNECTED',
  'ERR_NODOSUM_LIMIT_CONNECTIONS',
  'ERR_NODOSUM_CONNECT_TIMEOUT',
  'ERR_NODOSUM_CERT_UNTRUSTED',
  'ERR_NODOSUM_SHUT_DOWN',
]

/** A layer above, callers and a network that do whatever the dice say. */
class Chaos {
  readonly world: PoolWorld
  readonly uses: FakeUse[] = []
  readonly answers: string[] = []
  asked = 0
  readonly #random: Random
  readonly #aborts: AbortController[] = []

  constructor(world: PoolWorld) {
    this.world = world
    this.#random = world.random.stream('chaos')
  }

  act(): void {
    const { transport, scheduler } = this.world
    const random = this.#random
    const live = [...transport.live]
    const actions: (() => void)[] = [
      () => this.#dial(random.pick(peers) as NodeId),
      () => this.#dial(random.pick(peers) as NodeId),
      () => this.#arrive(transport.accept(`10.0.0.${random.integer(1, 3)}`)),
      () => void random.pick(transport.dialing)?.succeed(),
      () => random.pick(transport.dialing)?.fail(),
      () => random.pick(transport.dialing)?.fail('ERR_NODOSUM_CERT_UNTRUSTED'),
      () => random.pick(this.#aborts)?.abort(),
      () => random.pick(live)?.end(),
      () => random.pick(live)?.end({ code: 1, error: turnedAway }),
      () => void random.pick(live)?.close(),
      () => {
        const connection = random.pick(live)
        if (connection !== undefined) connection.sentPackets = 1_000
      },
      () => {
        const connection = random.pick(live)
        if (connection !== undefined) connection.answersPings = random.float() < 0.7
      },
      () => {
        const use = random.pick(this.uses)
        if (use === undefined) return
        use.isBusy = random.float() < 0.5
        use.peerIsBusy = random.float() < 0.3
        use.activityCount += 1
      },
      () => scheduler.runFor(random.integer(1, 400)),
      () => scheduler.runFor(random.integer(1, 2_000)),
    ]
    random.pick(actions)?.()
  }

  #dial(peer: NodeId): void {
    const controller = new AbortController()
    this.#aborts.push(controller)
    if (this.#aborts.length > 10) this.#aborts.shift()
    this.asked += 1
    const dialed = this.world.pool.dial(peer, { signal: controller.signal })
    void codeOf(dialed).then((code) => this.answers.push(code))
    dialed.then(
      (connection) => this.#take(connection, peer),
      () => undefined,
    )
  }

  #arrive(connection: FakeConnection): void {
    if (this.#random.float() < 0.5) this.#take(connection, this.#random.pick(peers) as NodeId)
  }

  #take(connection: Connection, peer: NodeId): void {
    const use = new FakeUse(peer, connection as FakeConnection)
    this.uses.push(use)
    if (this.uses.length > 20) this.uses.shift()
    this.world.pool.takeIntoUse(connection, use)
  }
}

const turnedAway = new NodosumError('ERR_NODOSUM_LIMIT_CONNECTIONS', 'turned away', {
  details: { remote: true },
})

function check({ pool, transport }: PoolWorld, seed: string): void {
  const { connections, dials, dialsWaiting, acceptsWaiting } = pool.snapshot()
  const where = `seed ${seed}`
  const dialing = transport.dialing.map(({ options }) => options.expect)
  expect(new Set(dialing).size, `${where}: two dials for one peer`).toBe(dialing.length)
  expect(dialing.length, `${where}: dials at once`).toBeLessThanOrEqual(limits.dialsMax)
  expect(dialsWaiting, `${where}: dials that wait`).toBeLessThanOrEqual(limits.dialQueueMax)
  expect(dials.length).toBeLessThanOrEqual(limits.dialsMax + limits.dialQueueMax)
  expect(acceptsWaiting, `${where}: accepts that wait`).toBeLessThanOrEqual(limits.acceptQueueMax)
  expect(pool.size, `${where}: connections`).toBeLessThanOrEqual(limits.connectionsMax)
  const accepted = connections.filter(({ role }) => role === 'acceptor')
  const halfOpen = accepted.filter(({ state }) => state === 'open' || state === 'waiting')
  expect(halfOpen.length, `${where}: half open`).toBeLessThanOrEqual(limits.halfOpenMax)
  for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) {
    const from = accepted.filter(({ remote }) => remote.host === host)
    expect(from.length, `${where}: from ${host}`).toBeLessThanOrEqual(
      limits.connectionsPerSourceMax,
    )
  }
}

describe('whatever happens in whatever order', () => {
  it('keeps every cap, dials no peer twice at once, and answers every caller once', async () => {
    const counters: Record<string, number> = {}
    const heard = new Set<string>()
    for (let number = 0; number < 80; number++) {
      const seed = `random-${number}`
      const world = await listening(
        poolWorld(limits, {
          seed,
          expectIdentity: true,
          addresses: [{ host: '10.0.0.1', udpPort: 1, tcpPort: 0 }],
        }),
      )
      const chaos = new Chaos(world)
      for (let step = 0; step < 200; step++) {
        chaos.act()
        check(world, seed)
        if (step % 2 === 0) await settle()
        check(world, seed)
      }
      const { pool, transport, scheduler } = world
      for (const [name, count] of Object.entries(pool.snapshot().counters)) {
        counters[name] = (counters[name] ?? 0) + count
      }
      await pool.close()
      await settle()
      expect(chaos.answers, `seed ${seed}: answers`).toHaveLength(chaos.asked)
      for (const answer of chaos.answers) heard.add(answer)
      expect(pool.size, `seed ${seed}`).toBe(0)
      expect(transport.dialing, `seed ${seed}`).toEqual([])
      expect([transport.live.size, scheduler.pendingTimers], `seed ${seed}`).toEqual([0, 0])
    }
    // A fault that never happened proves nothing.
    expect([...heard].sort()).toEqual([...answerCodes].sort())
    const never = Object.entries(counters).filter(([, count]) => count === 0)
    expect(never).toEqual([
      ['fellBack', 0],
      ['credentialsReloaded', 0],
    ])
  }, 30_000)
})
