/** A rule that is looked up at each attempt. */
export interface TargetRule {
  readonly kind: 'any' | 'owner' | 'nearest'
  readonly key: string | null
}

/** Whom to talk to: a node id, several, or a rule. */
export type Target = string | readonly string[] | TargetRule
