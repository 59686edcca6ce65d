import {
  type ClusterName,
  type Logger,
  type NodeId,
  NodosumError,
  type Random,
  type Scheduler,
} from '@nodosum/kernel'
import { SimulatedHost, type SimulatedProcess } from '@nodosum/testkit'
import type { Node } from '../api.ts'
import { type NodeOptions, nodeOptions } from '../node-options.ts'
import type { NodePorts } from '../node-ports.ts'
import type { RunningNode } from '../running-node.ts'
import { startNode } from '../start-node.ts'
import type { DeliveryBook } from './delivery-book.ts'
import type { MemoryNetwork } from './memory-network.ts'
import { testCredentials, testIdentity } from './test-credentials.ts'
import { watchMessaging } from './watch-messaging.ts'

export const testPort = 6_969

/** A pause that nobody ends lasts this long. */
const pauseMaxMs = 86_400_000

export interface TestMemberParts {
  readonly id: NodeId
  readonly address: string
  readonly scheduler: Scheduler
  readonly random: Random
  readonly network: MemoryNetwork
  readonly book: DeliveryBook
}

interface Running {
  readonly host: SimulatedHost
  readonly node: RunningNode
  readonly silence: () => void
  readonly stopSessions: () => Promise<void>
}

/** One place of a test cluster: a host, and the node that runs on it or none. */
export class TestMember {
  readonly id: NodeId
  readonly address: string
  readonly #parts: TestMemberParts
  readonly #network: MemoryNetwork
  readonly #book: DeliveryBook
  #running: Running | null = null
  #starts = 0
  #isPaused = false

  constructor(parts: TestMemberParts) {
    this.id = parts.id
    this.address = parts.address
    this.#parts = parts
    this.#network = parts.network
    this.#book = parts.book
  }

  /** The node; null while none runs. */
  get node(): Node | null {
    return this.#running?.node ?? null
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Starts a process and the node in it; resolves when that has joined. */
  async start(options: NodeOptions & { readonly logger: Logger }): Promise<Node> {
    const host = this.#newHost()
    const process = host.start(() => undefined)
    let silence = (): void => undefined
    const ports: NodePorts = {
      ...this.#ports(process),
      openNetwork: async (parts) => {
        const opened = await this.#network.open(process, parts)
        silence = opened.silence
        return opened.network
      },
    }
    try {
      const config = nodeOptions.parse(options)
      const { node, layers } = await startNode(config, options.logger, ports)
      const running: Running = { host, node, silence, stopSessions: () => layers.sessions.close() }
      this.#running = running
      node.on('undelivered', ({ application, to, messageId }) =>
        this.#book.undelivered({ application, from: this.id, to, messageId }),
      )
      void node.closed.then(() => {
        if (this.#running === running) this.#running = null
      })
      return node
    } catch (error) {
      silence()
      throw error
    }
  }

  /** As `kill -9`: nothing more leaves it, nobody is told. Its own callers are, so that none waits. */
  async kill(): Promise<void> {
    const running = this.#running
    if (running === null) return
    running.silence()
    this.resume()
    await running.stopSessions()
    running.node.fail(
      new NodosumError('ERR_NODOSUM_SHUT_DOWN', `${this.id} was killed by the test`),
    )
    await running.node.closed
  }

  pause(): void {
    if (this.#running === null || this.#isPaused) return
    this.#isPaused = true
    this.#running.host.pause(pauseMaxMs)
    this.#network.pause(this.address)
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#network.resume(this.address)
    this.#running?.host.resume()
  }

  /**
   * Each start has a machine of its own: what was killed has lost its network, and only its timers
   * go on, so that whoever waits for it is told.
   */
  #newHost(): SimulatedHost {
    const { address, scheduler, random, network } = this.#parts
    this.#starts += 1
    return new SimulatedHost({
      name: address,
      scheduler,
      random: random.stream(`start ${this.#starts}`),
      network: network.packets,
    })
  }

  #ports(process: SimulatedProcess): Omit<NodePorts, 'openNetwork'> {
    const { scheduler, random } = process
    return {
      scheduler,
      random,
      findCredentials: async ({ cluster }) =>
        testCredentials(this.id, cluster as ClusterName, scheduler.wallMs()),
      reloadIdentity: async ({ cluster }) => testIdentity(this.id, cluster, scheduler.wallMs()),
      // All nodes share one event loop: what holds it up is nobody's own trouble.
      loopDelay: () => ({ takeMaxMs: () => 0, close: () => undefined }),
      watch: (messaging) => watchMessaging(messaging, this.id, this.#book),
    }
  }
}
