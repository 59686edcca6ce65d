import type { Member } from './api.ts'
import type { TransportFacts } from './health.ts'
import type { Layers } from './wiring.ts'

/** What the connection pool and the transports say about the node's health. */
export function transportFacts(
  { network, config, trust }: Pick<Layers, 'network' | 'config' | 'trust'>,
  members: readonly Member[],
): TransportFacts {
  const present = new Set(
    members
      .filter(({ state }) => state !== 'failed' && state !== 'left')
      .map(({ nodeId }) => nodeId),
  )
  const distrusted = trust.distrusted.filter(({ peer }) => present.has(peer))
  const named = new Set<string>(distrusted.map(({ peer }) => peer))
  const { breakers, connections } = network.pool.snapshot()
  const preferred =
    config.transport === 'auto' && network.quicProblem === null ? network.dialsFirst : null
  return {
    quicProblem: config.transport === 'h2' ? null : (network.quicProblem?.message ?? null),
    untrusted: distrusted.map(({ peer, by, code }) =>
      by === 'self'
        ? `${peer} is not trusted: ${code}`
        : `${peer} does not trust this node: ${code}`,
    ),
    unreachable: breakers
      .filter(({ peer, state }) => state !== 'closed' && present.has(peer) && !named.has(peer))
      .map(({ peer, lastError }) => `${peer} (${lastError})`),
    fellBack: connections
      .filter(({ kind, role }) => role === 'dialer' && preferred !== null && kind !== preferred)
      .map(({ peer }) => peer ?? 'a peer'),
  }
}
