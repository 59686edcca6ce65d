import { type ApplicationId, type NodeId, NodosumError } from '@nodosum/kernel'
import { rendezvousOwner, shareOf } from '../core/rendezvous.ts'
import {
  type Group,
  groupOf,
  isInGroup,
  otherGroup,
  type Tags,
  type TargetRule,
} from '../core/target.ts'

/** What a rule is looked up in. */
export interface RuleHost {
  candidates(application: ApplicationId): readonly NodeId[]
  tags(node: NodeId): Tags | undefined
  any(nodes: readonly NodeId[]): NodeId | undefined
  nearest(nodes: readonly NodeId[]): NodeId | undefined
  /** From 0 to 1, 1 not included. */
  draw(): number
}

/** Nodes that should not be asked. */
export interface Avoided {
  /** Asked before: passed over as long as there are others. */
  readonly failed: ReadonlySet<NodeId>
  /** Have too much to do: never asked again. */
  readonly busy: ReadonlySet<NodeId>
  /** Their breakers are open: passed over as long as there are others. */
  isOpen(node: NodeId): boolean
}

export interface Resolved {
  readonly node: NodeId
  /** What the receiver of a key has to check. */
  readonly group: Group | null
}

/** Everybody may be asked. */
export const nobody: Avoided = { failed: new Set(), busy: new Set(), isOpen: () => false }

/**
 * Looks a rule up in the present view.
 *
 * @throws `NO_TARGET` when nobody who runs the application fits the rule
 */
export function resolveRule(
  rule: TargetRule,
  application: ApplicationId,
  host: RuleHost,
  avoided: Avoided,
): Resolved {
  const all = host.candidates(application)
  let group = groupOf(rule, (key) => (key === null ? host.draw() : shareOf(key)))
  let members = inGroup(all, group, host)
  if (members.length === 0 && group !== null) {
    const other = otherGroup(rule, group)
    if (other !== null) {
      group = other
      members = inGroup(all, group, host)
    }
  }
  const node =
    rule.kind === 'owner' && rule.key !== null
      ? rendezvousOwner(rule.key, members)
      : among(members, rule.kind === 'nearest' ? host.nearest : host.any, avoided)
  if (node === undefined || avoided.busy.has(node)) throw noTarget(rule, application)
  return { node, group: rule.kind === 'owner' ? group : null }
}

/** One of some nodes, if it can be one that is worth asking. */
export function among(
  nodes: readonly NodeId[],
  pick: (nodes: readonly NodeId[]) => NodeId | undefined,
  { failed, busy, isOpen }: Avoided,
): NodeId | undefined {
  const first = pick(nodes)
  if (first === undefined) return undefined
  if (!failed.has(first) && !busy.has(first) && !isOpen(first)) return first
  const free = nodes.filter((node) => !busy.has(node))
  const closed = free.filter((node) => !isOpen(node))
  const fresh = closed.filter((node) => !failed.has(node))
  return pick(fresh.length > 0 ? fresh : closed.length > 0 ? closed : free)
}

function inGroup(
  nodes: readonly NodeId[],
  group: Group | null,
  host: Pick<RuleHost, 'tags'>,
): readonly NodeId[] {
  return group === null ? nodes : nodes.filter((node) => isInGroup(host.tags(node), group))
}

function noTarget({ tags }: TargetRule, application: ApplicationId): NodosumError {
  const wanted = Object.entries(tags ?? {}).map(([name, value]) => `${name}=${value}`)
  const filter = wanted.length === 0 ? '' : ` with the tags ${wanted.join(', ')}`
  const message = `no ready member${filter} runs ${application}: no member that this node sees has called its onMessage or onRequest`
  return new NodosumError('ERR_NODOSUM_NO_TARGET', message)
}
