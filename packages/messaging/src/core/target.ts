/** Tags that a member must have, each with this value. */
export type TagFilter = Readonly<Record<string, string>>

/** A small part of the calls goes to some members, to see how they do. */
export interface Canary {
  /** Which members those are. */
  readonly tags: TagFilter
  /** How much of the calls they get, from 0 to 1. */
  readonly share: number
  /** Calls with the same key go the same way. */
  readonly key?: string | undefined
}

/** A rule that is looked up at each attempt. */
export interface TargetRule {
  readonly kind: 'any' | 'owner' | 'nearest'
  readonly key: string | null
  readonly tags?: TagFilter | undefined
  readonly canary?: Canary | undefined
}

/** Whom to talk to: a node id, several, or a rule. */
export type Target = string | readonly string[] | TargetRule

export function isRule(to: Target): to is TargetRule {
  return typeof to === 'object' && 'kind' in to
}

/** The key that the receiver has to own; null for every other target. */
export function keyOf(to: Target): string | null {
  return isRule(to) && to.kind === 'owner' ? to.key : null
}

/** Which of the members that run an application a call is meant for. */
export interface Group {
  readonly match: TagFilter
  /** Members with all of these tags are left out; null leaves out nobody. */
  readonly except: TagFilter | null
}

export type Tags = Readonly<Record<string, string>>

export function hasTags(tags: Tags | undefined, filter: TagFilter): boolean {
  if (tags === undefined) return Object.keys(filter).length === 0
  for (const name in filter) {
    if (!Object.hasOwn(tags, name) || tags[name] !== filter[name]) return false
  }
  return true
}

export function isInGroup(tags: Tags | undefined, { match, except }: Group): boolean {
  return hasTags(tags, match) && (except === null || !hasTags(tags, except))
}

/** Which group a rule means: null for everybody that runs the application. */
export function groupOf(rule: TargetRule, draw: (key: string | null) => number): Group | null {
  const { tags, canary } = rule
  const match = tags ?? {}
  if (canary === undefined) return tags === undefined ? null : { match, except: null }
  const isCanary = draw(canary.key ?? rule.key) < canary.share
  return isCanary
    ? { match: { ...match, ...canary.tags }, except: null }
    : { match, except: canary.tags }
}

/** The group to fall back on when nobody is in the one that a canary rule means. */
export function otherGroup({ tags, canary }: TargetRule, group: Group): Group | null {
  if (canary === undefined) return null
  const match = tags ?? {}
  return group.except === null
    ? { match, except: canary.tags }
    : { match: { ...match, ...canary.tags }, except: null }
}
