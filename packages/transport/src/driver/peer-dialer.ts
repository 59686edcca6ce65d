import type { Logger, NodeId, NodosumError, Scheduler } from '@nodosum/kernel'
import type { Connection, ConnectOptions, Transport } from '../contract.ts'
import { type DialRoute, type PeerAddress, planDial } from '../core/dial-plan.ts'
import { FallbackMemory } from '../core/fallback-memory.ts'
import type { PoolSettings } from '../options.ts'
import { raceDial } from './dial-race.ts'
import { unreachable } from './pool-errors.ts'
import type { PoolCounters } from './pool-snapshot.ts'

/** What dialing needs of the pool around it. */
export interface PeerDialerParts {
  readonly settings: PoolSettings
  readonly transports: readonly Transport[]
  /** In order of preference. */
  readonly kinds: readonly Transport['kind'][]
  readonly addressesOf: (peer: NodeId) => readonly PeerAddress[]
  readonly expectIdentity: boolean
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly counters: PoolCounters
}

/** Dials one peer once, over every transport that reaches it. */
export class PeerDialer {
  readonly #parts: PeerDialerParts
  readonly #memory: FallbackMemory

  constructor(parts: PeerDialerParts) {
    this.#parts = parts
    this.#memory = new FallbackMemory(parts.settings)
  }

  /** What there is to dial, in order of preference; else why there is nothing. */
  routes(peer: NodeId): readonly DialRoute[] | NodosumError {
    const { kinds, settings } = this.#parts
    const addresses = this.#parts.addressesOf(peer)
    const routes = planDial(kinds, addresses, settings.addressesMax)
    return routes.length > 0 ? routes : unreachable(peer, kinds, addresses.length)
  }

  /** Another process of the peer may be reached in another way. */
  forget(peer: NodeId): void {
    this.#memory.forget(peer)
  }

  /** Resolves to the first connection that comes up over one of the routes. */
  async connect(
    peer: NodeId,
    routes: readonly DialRoute[],
    signal: AbortSignal,
  ): Promise<Connection> {
    const { transports, expectIdentity, scheduler, settings, counters } = this.#parts
    counters.dialed += 1
    try {
      const connection = await raceDial({
        routes: this.#memory.order(peer, routes, scheduler.nowMs()),
        signal,
        scheduler,
        fallbackAfterMs: settings.fallbackAfterMs,
        connect: (kind, address, until) => {
          const transport = transports.find((one) => one.kind === kind) as Transport
          const options: ConnectOptions = { signal: until, ...(expectIdentity && { expect: peer }) }
          return transport.connect(address, options)
        },
      })
      this.#cameUp(peer, connection.kind, routes[0]?.kind ?? connection.kind)
      return connection
    } catch (error) {
      counters.dialFailed += 1
      throw error
    }
  }

  #cameUp(peer: NodeId, over: Transport['kind'], preferred: Transport['kind']): void {
    const { counters, logger, scheduler, settings } = this.#parts
    if (over !== preferred) counters.fellBack += 1
    if (!this.#memory.cameUp(peer, over, preferred, scheduler.nowMs())) return
    const { fallbackAfterMs, fallbackMemoryMs } = settings
    logger.warn(
      { event: 'transport.fallback', peer_id: peer, transport: over, preferred },
      `${peer} is reached over ${over}: ${preferred} failed or took over ${fallbackAfterMs} ms; ` +
        `does UDP pass? ${over} goes first for the next ${fallbackMemoryMs} ms`,
    )
  }
}
