import { AssertionError } from 'node:assert'
import { inspect, isDeepStrictEqual } from 'node:util'
import { NodosumError, parseNodeId, type Scheduler, seededRandom } from '@nodosum/kernel'
import { TraceHash } from '@nodosum/testkit'
import type { Node } from '../api.ts'
import type { NodeOptions } from '../node-options.ts'
import { type ClusterTime, realTime, virtualTime } from './cluster-time.ts'
import {
  brief,
  type DeliveryAccount,
  DeliveryBook,
  type RecordedDelivery,
} from './delivery-book.ts'
import { MemoryNetwork, type NetworkQuality } from './memory-network.ts'
import { quickMembership } from './quick-membership.ts'
import {
  type TestClusterConfig,
  type TestClusterOptions,
  testClusterOptions,
} from './test-cluster-options.ts'
import { TestMember, testPort } from './test-member.ts'
import { disagreements } from './views-agree.ts'

/** How long something is waited for: in the time of the cluster, milliseconds. */
export interface WaitOptions {
  /** Default: `timeoutMs` of the cluster. */
  readonly withinMs?: number | undefined
}

/** Which deliveries are meant. What is left out may be anything. */
export interface DeliveryMatch extends WaitOptions {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly lane?: string | undefined
  /** Deeply equal to what the handler was given. */
  readonly payload?: unknown
  readonly where?: ((delivery: RecordedDelivery) => boolean) | undefined
  /** Exactly so often; default 1. */
  readonly times?: number | undefined
}

const clusterName = 'test'

/**
 * Starts nodes that talk to each other in memory, for tests of your own modules: no ports, no
 * certificates, no files. It is the code of production from messaging down to membership and the
 * connection pool; only the network, the certificates and, with `time: 'virtual'`, the clock are
 * exchanged.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID, and what `createNode` throws; nothing is left behind then
 */
export async function createTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const cluster = new TestCluster(testClusterOptions.parse(options))
  try {
    await cluster.begin()
  } catch (error) {
    await cluster.close()
    throw error
  }
  return cluster
}

/** The nodes of a test, and everything that can happen to them. Made by `createTestCluster`. */
export class TestCluster implements AsyncDisposable {
  readonly #config: TestClusterConfig
  readonly #time: ClusterTime
  readonly #network: MemoryNetwork
  readonly #book: DeliveryBook
  readonly #members = new Map<string, TestMember>()
  readonly #trace = new TraceHash()
  readonly #timeoutMs: number
  #groups: readonly (readonly string[])[] = []
  #closing: Promise<void> | null = null

  constructor(config: TestClusterConfig) {
    this.#config = config
    this.#time = config.time === 'virtual' ? virtualTime() : realTime()
    this.#timeoutMs = config.timeoutMs ?? (config.time === 'virtual' ? 300_000 : 30_000)
    this.#book = new DeliveryBook(config.ledgerMax)
    const { scheduler } = this.#time
    const random = seededRandom(config.seed)
    this.#network = new MemoryNetwork({ scheduler, random, quality: config.network })
    if (config.time === 'virtual') this.#traceNetwork()
    const { nodes } = config
    const ids =
      typeof nodes === 'number'
        ? Array.from({ length: nodes }, (_, index) => `node-${index + 1}`)
        : nodes
    for (const [index, id] of ids.entries()) {
      const member = new TestMember({
        id: parseNodeId(id),
        address: `10.0.0.${index + 1}`,
        scheduler,
        random: random.stream(`node ${id}`),
        network: this.#network,
        book: this.#book,
      })
      this.#members.set(id, member)
    }
  }

  /** Starts every node; `createTestCluster` has called it. */
  async begin(): Promise<void> {
    const { size } = this.#members
    const join = size === 1 ? { alone: true } : { expect: size }
    await this.run(Promise.all([...this.#members.values()].map((one) => this.#start(one, join))))
    await this.converge()
  }

  /** The nodes that run, in their order. */
  get nodes(): readonly Node[] {
    return [...this.#members.values()].flatMap(({ node }) => (node === null ? [] : [node]))
  }

  /** Every id, also of nodes that do not run. */
  get ids(): readonly string[] {
    return [...this.#members.keys()]
  }

  /** @throws ERR_NODOSUM_PEER_UNKNOWN when there is none, or it does not run */
  node(id: string): Node {
    const { node } = this.#member(id)
    if (node !== null) return node
    throw new NodosumError('ERR_NODOSUM_PEER_UNKNOWN', `${id} does not run: restart('${id}') first`)
  }

  /** As `kill -9`: it says no goodbye. What its own callers wait for rejects with `SHUT_DOWN` or `DELIVERY_UNKNOWN`. */
  async kill(id: string): Promise<void> {
    await this.run(this.#member(id).kill())
  }

  /** Starts a node that was killed or closed once more, as another process with the same id. */
  async restart(id: string): Promise<Node> {
    const member = this.#member(id)
    if (member.node !== null) await this.kill(id)
    const isAlone = this.nodes.length === 0
    return await this.run(this.#start(member, isAlone ? { alone: true } : {}))
  }

  /** As `kill -STOP`: it does nothing any more, and what comes waits. */
  pause(id: string): void {
    this.#member(id).pause()
  }

  /** As `kill -CONT`. */
  resume(id: string): void {
    this.#member(id).resume()
  }

  /** From now on nodes of different groups do not reach each other; one in no group reaches all. */
  partition(...groups: readonly (readonly string[])[]): void {
    const hosts = groups.map((group) => group.map((id) => this.#member(id).address))
    this.#network.partition(hosts)
    this.#groups = groups
  }

  /** Undoes the partition. */
  heal(): void {
    this.#network.heal()
    this.#groups = []
  }

  /** Breaks every connection, and both ends hear of it: sessions go on over the next ones. */
  breakConnections(): void {
    this.#network.breakConnections()
  }

  /** Changes the network, for what is sent from now on. */
  setNetwork(quality: NetworkQuality): void {
    this.#network.setQuality(quality)
  }

  /**
   * The cluster's own clock and timers, for modules that wait or look at the time: what they wait for
   * must not be real time when that of the cluster is virtual.
   */
  get scheduler(): Scheduler {
    return this.#time.scheduler
  }

  /** Milliseconds of the cluster's own clock. */
  nowMs(): number {
    return this.#time.scheduler.nowMs()
  }

  /** Lets so much time pass: at once in virtual time, else by waiting. */
  async advance(ms: number): Promise<void> {
    await this.#time.advance(ms)
  }

  /**
   * Lets time pass until the work is done. In virtual time everything that needs time has to be
   * awaited like this, since nobody else moves the clock.
   *
   * @returns what it resolves to
   * @throws what it rejects with; AssertionError when it takes longer than `withinMs`
   */
  async run<Value>(work: Promise<Value>, options: WaitOptions = {}): Promise<Value> {
    let isDone = false
    const done = (): void => {
      isDone = true
    }
    work.then(done, done)
    const limitMs = options.withinMs ?? 2 * this.#timeoutMs
    if (await this.#time.until(() => isDone, limitMs)) return await work
    throw this.#failure(`the work is not done after ${limitMs} ms`)
  }

  /** Lets time pass until the condition holds. @throws AssertionError that says `what` */
  async until(what: string, condition: () => boolean, options: WaitOptions = {}): Promise<void> {
    const limitMs = options.withinMs ?? this.#timeoutMs
    if (await this.#time.until(condition, limitMs)) return
    throw this.#failure(`after ${limitMs} ms still not: ${what}`)
  }

  /**
   * Lets time pass until every node that runs sees exactly those alive that run and that it can
   * reach, with the applications they run. Nodes that are paused are not asked.
   *
   * @throws AssertionError that says who sees what
   */
  async converge(options: WaitOptions = {}): Promise<void> {
    const limitMs = options.withinMs ?? this.#timeoutMs
    const differ = (): readonly string[] =>
      disagreements(
        [...this.#members.values()].flatMap(({ node, isPaused }) =>
          node === null || isPaused ? [] : [node],
        ),
        (a, b) => this.#reach(a, b),
      )
    if (await this.#time.until(() => differ().length === 0, limitMs)) return
    throw this.#failure(`the views differ after ${limitMs} ms:\n  ${differ().join('\n  ')}`)
  }

  /** Every handler of messages and requests that was started, in its order, on any node. */
  get deliveries(): readonly RecordedDelivery[] {
    return this.#book.deliveries
  }

  /**
   * Lets time pass until so many handlers of an application were started as told.
   *
   * @returns what they were given
   * @throws AssertionError when there are fewer after `withinMs`, or more by then
   */
  async expectDelivered(
    application: string,
    match: DeliveryMatch = {},
  ): Promise<readonly RecordedDelivery[]> {
    const { times = 1 } = match
    const find = (): readonly RecordedDelivery[] =>
      this.#book.deliveries.filter((one) => one.application === application && fits(one, match))
    const limitMs = match.withinMs ?? this.#timeoutMs
    await this.#time.until(() => find().length >= times, limitMs)
    const found = find()
    if (found.length === times) return found
    const others = this.#book.deliveries
      .filter((one) => one.application === application)
      .map(({ from, to, lane, payload }) => `${from} > ${to} (${lane}): ${brief(payload)}`)
    throw this.#failure(
      [
        `${application} was to be delivered ${times} times${wordsOf(match)}, and was ${found.length} times; delivered were ${others.length}:`,
        ...others.slice(0, 20),
      ].join('\n  '),
    )
  }

  /**
   * What was sent against which handlers were started, from what the modules themselves were told:
   * counters of the product are not in it.
   */
  account(): DeliveryAccount {
    return this.#book.account()
  }

  /**
   * Lets time pass until every message that was accepted has started its handler, or was told to
   * `undelivered`, and nobody waits for an answer.
   *
   * @throws AssertionError that lists what is lost, and handlers that were started twice
   */
  async expectNothingLost(options: WaitOptions = {}): Promise<DeliveryAccount> {
    const limitMs = options.withinMs ?? this.#timeoutMs
    const isSettled = (): boolean => this.#book.isSettled && this.#book.account().lost.length === 0
    await this.#time.until(isSettled, limitMs)
    const account = this.#book.account()
    const wrong = [
      ...account.lost.map((text) => `lost: ${text}`),
      ...account.duplicated.map((text) => `handled twice: ${text}`),
      ...(this.#book.isSettled ? [] : ['some calls have no answer yet']),
    ]
    if (wrong.length === 0) return account
    throw this.#failure(`the account is wrong:\n  ${wrong.slice(0, 20).join('\n  ')}`)
  }

  /** In virtual time: a hash of every packet so far. Equal hashes are equal runs. */
  get traceHash(): string {
    return this.#trace.digest()
  }

  /** Closes every node. Never rejects for what a test has done to them. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.heal()
    for (const member of this.#members.values()) member.resume()
    await this.run(Promise.all(this.nodes.map((node) => node.close()))).catch(() => undefined)
  }

  async #start(member: TestMember, join: NonNullable<NodeOptions['join']>): Promise<Node> {
    const { options, logger, applications, time } = this.#config
    const given = options(member.id)
    const membership = { ...(time === 'real' && quickMembership), ...given.layers?.membership }
    const seeds = [...this.#members.values()].map(({ address }) => `${address}:${testPort}`)
    const node = await member.start({
      ...given,
      cluster: clusterName,
      nodeId: member.id,
      listen: { host: member.address, port: testPort },
      discovery: () => seeds,
      join: { ...join, timeoutMs: this.#timeoutMs },
      layers: { ...given.layers, membership },
      logger: given.logger ?? logger,
    })
    await applications?.(node)
    return node
  }

  #member(id: string): TestMember {
    const member = this.#members.get(id)
    if (member !== undefined) return member
    const message = `the test cluster has no node ${inspect(id)}; it has ${this.ids.join(', ')}`
    throw new NodosumError('ERR_NODOSUM_PEER_UNKNOWN', message)
  }

  #reach(a: string, b: string): boolean {
    const groupOf = (id: string): number => this.#groups.findIndex((group) => group.includes(id))
    const [first, second] = [groupOf(a), groupOf(b)]
    return first === -1 || second === -1 || first === second
  }

  #traceNetwork(): void {
    const { scheduler } = this.#time
    this.#network.packets.onDelivery = (bytes, from, to) => {
      this.#trace.number(scheduler.nowMs())
      this.#trace.text(from.host)
      this.#trace.text(to.host)
      this.#trace.bytes(bytes)
    }
  }

  #failure(message: string): AssertionError {
    const { seed, time } = this.#config
    const again = time === 'virtual' ? ` (seed ${inspect(seed)} repeats this run)` : ''
    return new AssertionError({ message: message + again, stackStartFn: this.#failure })
  }
}

function fits(delivery: RecordedDelivery, match: DeliveryMatch): boolean {
  const { from = delivery.from, to = delivery.to, lane = delivery.lane } = match
  if (delivery.from !== from || delivery.to !== to || delivery.lane !== lane) return false
  if ('payload' in match && !isDeepStrictEqual(match.payload, delivery.payload)) return false
  return match.where?.(delivery) ?? true
}

function wordsOf({ from, to, lane, payload }: DeliveryMatch): string {
  const words = { from, to, lane, ...(payload === undefined ? {} : { payload: brief(payload) }) }
  return Object.entries(words)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name} ${value}`]))
    .join('')
}
