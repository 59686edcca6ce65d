import { type NodeId, NodosumError } from '@nodosum/kernel'
import type { Formation } from '../core/effects.ts'

/** What is known when joining has taken too long. */
export interface JoinFacts {
  readonly nodeId: NodeId
  readonly timeoutMs: number
  readonly formation: Formation
  /** Members that were seen, without this node. */
  readonly seen: readonly NodeId[]
  /** What discovery said last; null before it has said anything. */
  readonly detail: string | null
  /** Whether discovery was asked and has not answered yet. */
  readonly isAsking: boolean
  /** Why TCP found nobody either; null when it was not tried or did. */
  readonly tcpProblem: string | null
  /** What packets that did not open say about this node's configuration; null for nothing. */
  readonly refusedPackets: string | null
}

/** JOIN_TIMEOUT, with everything that may explain it. */
export function joinTimeout(facts: JoinFacts): NodosumError {
  const { nodeId, timeoutMs, formation, seen, refusedPackets } = facts
  const waits =
    formation.expect === null
      ? 'it waits for a formed cluster (neither join.expect nor join.alone is set)'
      : `it waits for ${formation.expect} founders (join.expect)`
  const said = facts.detail === null ? [] : [facts.detail]
  if (facts.isAsking) said.push('it was asked and has not answered')
  const discovery = said.join('; ') || 'it was not asked yet'
  const silence =
    refusedPackets === null
      ? 'nobody answered (whoever has other gossipKeys or another cluster name does not, and warns in its own log)'
      : `nobody answered that it understands, but ${refusedPackets}`
  const found = seen.length === 0 ? silence : `it sees ${seen.join(', ')}`
  const tcp = facts.tcpProblem === null ? '' : `; ${facts.tcpProblem}`
  return new NodosumError(
    'ERR_NODOSUM_JOIN_TIMEOUT',
    `${nodeId} is in no cluster after ${timeoutMs} ms: ${found}; ${waits}; discovery: ${discovery}${tcp}`,
    { details: { seen, discovery, refusedPackets } },
  )
}
