import type { Member } from './api.ts'
import type { TransportFacts } from './health.ts'
import type { Network } from './network.ts'

/** What the connection pool and the transports say about the node's health. */
export function transportFacts(
  { network, config }: { network: Network; config: { transport: string } },
  members: readonly Member[],
): TransportFacts {
  const present = new Set(
    members
      .filter(({ state }) => state !== 'failed' && state !== 'left')
      .map(({ nodeId }) => nodeId),
  )
  const { breakers, connections } = network.pool.snapshot()
  const preferred = config.transport === 'auto' && network.quicProblem === null ? 'quic' : null
  return {
    quicProblem: config.transport === 'h2' ? null : (network.quicProblem?.message ?? null),
    unreachable: breakers
      .filter(({ peer, state }) => state !== 'closed' && present.has(peer))
      .map(({ peer, lastError }) => `${peer} (${lastError})`),
    fellBack: connections
      .filter(({ kind, role }) => role === 'dialer' && preferred !== null && kind !== preferred)
      .map(({ peer }) => peer ?? 'a peer'),
  }
}
