import { isNodosumError, type NodosumError } from '@nodosum/kernel'
import type { CloseReason, Connection, TransportLimits } from '../contract.ts'
import type {
  ConformanceHarness,
  ConformanceNode,
  ConformanceNodeOptions,
  ConformanceVolumes,
} from './harness.ts'

/** One promise of the contract, as a check that any test framework can run. */
export interface ConformanceClause {
  /** A sentence; unique in the suite. */
  readonly name: string
  /**
   * Rejects when the transport breaks the promise, with what was expected and what came. Starts its
   * nodes through the harness and closes them all.
   */
  run(harness: ConformanceHarness): Promise<void>
}

/** Two nodes and one connection between them. */
export interface ConnectedPair {
  /** The node `first`, which dialed. */
  readonly dialerNode: ConformanceNode
  /** The node `second`, which listens. */
  readonly acceptorNode: ConformanceNode
  readonly dialer: Connection
  readonly acceptor: Connection
}

const fullVolumes: ConformanceVolumes = {
  streamsInTurn: 10_000,
  lanes: 1,
  streamsAtOnce: 500,
  bulkBytes: 64 * 1024 * 1024,
}
/** What a dial rejects with where nothing is wrong but the network. */
const lostCodes = ['ERR_NODOSUM_CONNECT_TIMEOUT', 'ERR_NODOSUM_CONNECTION_LOST'] as const
/** Conditions are looked at this often; the time of a simulation is no matter. */
const pollMs = 2

/** What a clause works with: the harness, and an end for everything it starts. */
export class ClauseRun {
  readonly harness: ConformanceHarness
  readonly volumes: ConformanceVolumes
  readonly #endings: (() => Promise<unknown>)[] = []

  constructor(harness: ConformanceHarness) {
    this.harness = harness
    this.volumes = { ...fullVolumes, ...harness.volumes }
  }

  async start(options: ConformanceNodeOptions): Promise<ConformanceNode> {
    const node = await this.harness.start(options)
    this.atEnd(() => node.close())
    return node
  }

  /** A node that listens, and the connections it was handed. */
  async listen(
    options: ConformanceNodeOptions,
  ): Promise<{ node: ConformanceNode; accepted: Connection[] }> {
    const node = await this.start(options)
    const accepted: Connection[] = []
    await node.transport.listen((connection) => accepted.push(connection))
    return { node, accepted }
  }

  /** `first` dials `second`; limits apply to both, or to each its own. */
  async connect(
    limits: Partial<TransportLimits> = {},
    acceptorLimits: Partial<TransportLimits> = limits,
  ): Promise<ConnectedPair> {
    const { node: acceptorNode, accepted } = await this.listen({
      name: 'second',
      limits: acceptorLimits,
    })
    const dialerNode = await this.start({ name: 'first', limits })
    const dialer = await this.#dial(dialerNode, acceptorNode, accepted)
    return { dialerNode, acceptorNode, dialer, acceptor: accepted[0] as Connection }
  }

  /** A connection that the acceptor has been handed, too. */
  async #dial(
    from: ConformanceNode,
    to: ConformanceNode,
    accepted: readonly Connection[],
  ): Promise<Connection> {
    const { handshakesMax = 1 } = this.harness
    for (let handshakes = 1; ; handshakes += 1) {
      let ended: CloseReason | null = null
      const dialer = await this.#tryDial(from, to, handshakes < handshakesMax)
      if (dialer === null) continue
      void dialer.closed.then((reason) => {
        ended = reason
      })
      const isSettled = (): boolean => accepted.length === 1 || ended !== null
      await this.until('the acceptor is handed the connection, or the dialer told', isSettled)
      if (accepted.length === 1) return dialer
      if (handshakes < handshakesMax) continue
      throw new Error(`the dialer's connection ended: ${JSON.stringify(ended)}`)
    }
  }

  /** Null when the network took too much of the handshake, and there may be another. */
  async #tryDial(
    from: ConformanceNode,
    to: ConformanceNode,
    mayFail: boolean,
  ): Promise<Connection | null> {
    try {
      return await from.transport.connect(to.address)
    } catch (error) {
      if (mayFail && lostCodes.some((code) => isNodosumError(error, code))) return null
      throw error
    }
  }

  /** Waits for a condition; rejects after the harness's patience, or `limitMs`. */
  async until(what: string, isTrue: () => boolean, limitMs?: number): Promise<void> {
    const { scheduler, patienceMs } = this.harness
    const waitMs = limitMs ?? patienceMs
    const startedMs = scheduler.nowMs()
    while (!isTrue()) {
      if (scheduler.nowMs() - startedMs > waitMs) {
        throw new Error(`not within ${Math.round(waitMs)} ms: ${what}`)
      }
      await this.wait(pollMs)
    }
  }

  /** Waits that long on the transport's clock. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.harness.scheduler.after(ms, () => resolve()))
  }

  /** Rejects when the promise is not settled within the harness's patience. */
  within<Value>(what: string, work: Promise<Value>): Promise<Value> {
    return handled(this.#within(what, work))
  }

  /** The coded error that a promise rejects with. */
  refusalOf(what: string, work: Promise<unknown>): Promise<NodosumError> {
    return handled(this.#refusalOf(what, work))
  }

  atEnd(ending: () => Promise<unknown>): void {
    this.#endings.push(ending)
  }

  async end(): Promise<void> {
    for (const ending of this.#endings.splice(0).reverse()) await ending()
  }

  async #within<Value>(what: string, work: Promise<Value>): Promise<Value> {
    const { scheduler, patienceMs } = this.harness
    const { promise, reject } = Promise.withResolvers<never>()
    const timer = scheduler.after(patienceMs, () =>
      reject(new Error(`not within ${patienceMs} ms: ${what}`)),
    )
    try {
      return await Promise.race([work, promise])
    } finally {
      timer.cancel()
    }
  }

  async #refusalOf(what: string, work: Promise<unknown>): Promise<NodosumError> {
    try {
      await this.within(what, work)
    } catch (error) {
      if (isNodosumError(error)) return error
      throw error
    }
    throw new Error(`${what}: expected a coded error, but it succeeded`)
  }
}

/** Several run at once, and a clause ends at the first that fails: the others must not be news. */
function handled<Value>(work: Promise<Value>): Promise<Value> {
  work.catch(() => {})
  return work
}

/** Makes a clause: whatever comes of it, its nodes are closed. */
export function clause(name: string, check: (run: ClauseRun) => Promise<void>): ConformanceClause {
  return {
    name,
    run: async (harness) => {
      const run = new ClauseRun(harness)
      try {
        await check(run)
      } finally {
        await run.end()
      }
    },
  }
}

/** Compares by value, of what JSON can say. */
export function expectEqual(what: string, actual: unknown, expected: unknown): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (got !== wanted) throw new Error(`${what}: expected ${wanted}, got ${got}`)
}

/** @param detail what was there instead */
export function expectThat(isTrue: boolean, what: string, detail: unknown = ''): void {
  if (!isTrue) throw new Error(detail === '' ? what : `${what}: ${JSON.stringify(detail)}`)
}

/** The code of what a synchronous call throws. */
export function codeThrownBy(call: () => unknown): string {
  try {
    call()
    return 'nothing was thrown'
  } catch (error) {
    return isNodosumError(error) ? error.code : String(error)
  }
}
