import type { NodeId } from '@nodosum/kernel'

/**
 * The node with the shortest round trip; of those that were not measured the first in order, and
 * only when nobody was measured.
 */
export function nearestOf(
  nodes: readonly NodeId[],
  rttMs: (node: NodeId) => number | undefined,
): NodeId | undefined {
  let [nearest] = nodes
  let least = Number.POSITIVE_INFINITY
  for (const node of nodes) {
    const ms = rttMs(node) ?? Number.POSITIVE_INFINITY
    if (ms >= least) continue
    nearest = node
    least = ms
  }
  return nearest
}
