import type { TransportLimits } from '@nodosum/transport'
import type {
  ConformanceHarness,
  ConformanceNode,
  ConformanceNodeOptions,
  ConformanceVolumes,
} from '@nodosum/transport/conformance'
import {
  type Address,
  type DirectionCounters,
  type FaultChange,
  type FaultName,
  startTcpProxy,
  startUdpProxy,
  type TcpFaults,
  type TcpProxy,
  type UdpFaults,
  type UdpProxy,
} from '../fault-proxy/index.ts'

/** How the links between the nodes of a run behave. */
export interface LinkKind {
  readonly name: string
  readonly protocol: 'udp' | 'tcp'
  readonly faults: FaultChange<UdpFaults> | FaultChange<TcpFaults>
  /** At the end of each clause, every connection is reset before the nodes close. */
  readonly resetsAtEnd?: boolean
  /** What has to have fired when all clauses have run; else the run proves nothing. */
  readonly expected: readonly FaultName[]
  /** How long a clause waits for what must happen, in milliseconds. */
  readonly patienceMs: number
  /** Where a clause says nothing of a limit; default: what the transport has. */
  readonly limits?: Partial<TransportLimits>
  /** What a clause allows for a handshake, if it is a second at most, is multiplied by this; default 1. */
  readonly connectTimeoutFactor?: number
  /** How often a clause that needs a connection dials for it; default 1. */
  readonly handshakesMax?: number
  /** Where it does less, or more side by side, than without faults. */
  readonly volumes?: Partial<ConformanceVolumes>
  /** Clauses, by name, that mean nothing on such a link, each with the reason. */
  readonly exceptions?: Readonly<Record<string, string>>
}

/** A harness whose nodes are reached through links that fail, and what those links did. */
export interface FaultyLinks {
  readonly harness: ConformanceHarness
  /** How often a fault fired on all links so far, in both directions together. */
  fired(fault: FaultName): number
  /** Datagrams or chunks that came to the links. */
  received(): number
}

/** Puts a proxy before each node that the harness starts; the first has the seed, the others follow. */
export function throughFaultyLinks(
  inner: ConformanceHarness,
  kind: LinkKind,
  seed: number | string,
): FaultyLinks {
  const proxies: (UdpProxy | TcpProxy)[] = []
  const past: DirectionCounters[] = []
  const behind = new WeakMap<ConformanceNode, ConformanceNode>()
  let started = 0

  const open = async (to: Address): Promise<UdpProxy | TcpProxy> => {
    const listen = { host: to.host, port: 0 }
    const options = { listen, to, seed: `${seed} link ${started++}` }
    const proxy =
      kind.protocol === 'udp'
        ? await startUdpProxy({ ...options, faults: kind.faults as FaultChange<UdpFaults> })
        : await startTcpProxy({ ...options, faults: kind.faults as FaultChange<TcpFaults> })
    proxies.push(proxy)
    return proxy
  }
  const close = async (proxy: UdpProxy | TcpProxy): Promise<void> => {
    await proxy.close()
    const at = proxies.indexOf(proxy)
    if (at < 0) return
    proxies.splice(at, 1)
    past.push(proxy.counters.forward, proxy.counters.backward)
  }
  const start = async (options: ConformanceNodeOptions): Promise<ConformanceNode> => {
    const limits = { ...kind.limits, ...stretched(options.limits ?? {}, kind) }
    const node = await inner.start({ ...options, limits })
    const proxy = await open(node.address)
    const outer: ConformanceNode = {
      transport: node.transport,
      address: proxy.address,
      kill: () => node.kill(),
      isolate: () => node.isolate(),
      close: async () => {
        if (kind.resetsAtEnd === true && proxy.protocol === 'tcp') (proxy as TcpProxy).reset()
        await node.close()
        await close(proxy)
      },
    }
    behind.set(outer, node)
    return outer
  }
  const sum = (name: keyof DirectionCounters): number =>
    [...past, ...proxies.flatMap(({ counters }) => [counters.forward, counters.backward])]
      .map((counters) => counters[name])
      .reduce((total, count) => total + count, 0)

  return {
    harness: {
      scheduler: inner.scheduler,
      timeScale: inner.timeScale,
      patienceMs: kind.patienceMs,
      handshakesMax: kind.handshakesMax ?? 1,
      volumes: { ...inner.volumes, ...kind.volumes },
      exceptions: { ...inner.exceptions, ...kind.exceptions },
      start,
      listenOnTakenPort: (taken) => inner.listenOnTakenPort(behind.get(taken) ?? taken),
      approach: (node, stranger) => inner.approach(node, stranger),
      listenAs: async (stranger) => {
        const listener = await inner.listenAs(stranger)
        const proxy = await open(listener.address)
        return {
          address: proxy.address,
          close: async () => {
            await listener.close()
            await close(proxy)
          },
        }
      },
    },
    fired: sum,
    received: () => sum('received'),
  }
}

function stretched(
  limits: Partial<TransportLimits>,
  { connectTimeoutFactor = 1 }: LinkKind,
): Partial<TransportLimits> {
  const { connectTimeoutMs } = limits
  if (connectTimeoutMs === undefined || connectTimeoutMs > 1_000) return limits
  return { ...limits, connectTimeoutMs: connectTimeoutMs * connectTimeoutFactor }
}
