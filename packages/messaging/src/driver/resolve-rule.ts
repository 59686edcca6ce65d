import { type ApplicationId, type NodeId, NodosumError } from '@nodosum/kernel'
import type { TargetRule } from '../core/target.ts'
import { encodeHeaders } from '../wire/message-frames.ts'
import type { ApplicationHost } from './application.ts'

/**
 * Looks a rule up in the present view.
 *
 * @param failed nodes to pass over as long as there are others
 * @param method of a contract, for the headers
 */
export function resolveRule(
  rule: TargetRule,
  application: ApplicationId,
  host: Pick<ApplicationHost, 'candidates' | 'owner' | 'any' | 'nearest'>,
  failed: ReadonlySet<NodeId> = new Set(),
  method: string | null = null,
): { node: NodeId; headers: Uint8Array | null } {
  const { kind, key } = rule
  const candidates = host.candidates(application)
  let node: NodeId | undefined
  if (kind === 'owner' && key !== null) node = host.owner(application, key)
  else if (kind === 'nearest') {
    const others = candidates.filter((id) => !failed.has(id))
    node = host.nearest(others.length > 0 ? others : candidates)
  } else node = host.any(candidates)
  if (node === undefined) {
    throw new NodosumError(
      'ERR_NODOSUM_NO_TARGET',
      `no ready member runs ${application}: no member that this node sees has called its onMessage or onRequest`,
    )
  }
  return { node, headers: key === null && method === null ? null : encodeHeaders(key, method) }
}
