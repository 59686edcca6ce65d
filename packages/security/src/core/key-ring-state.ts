/**
 * What nodes agree on about their gossip keys: a replicated state of which any two versions merge to
 * the same one, in whatever order they meet.
 */
export interface KeyRingState<Key> {
  /** One for each key that was ever heard of, as far as there is room; sorted by id. */
  readonly entries: readonly KeyEntry<Key>[]
  readonly inUse: { readonly id: string; readonly version: number }
}

export interface KeyEntry<Key> {
  readonly id: string
  /** Counts the changes of all nodes, as a Lamport clock does; 0 for a key that only options name. */
  readonly version: number
  /** Null once the key is removed: what is left says so to whoever still has it. */
  readonly key: Key | null
}

/** Most keys at once; two are enough while a key is being replaced. */
export const gossipKeysMax = 8

/** Most removed keys that are still known as removed; the longest removed leaves first. */
export const removedKeysMax = 64

/** The state that options give: their keys are this node's own business until a change names them. */
export function configuredState<Key>(
  keys: readonly { readonly id: string; readonly key: Key }[],
): KeyRingState<Key> | null {
  const [first] = keys
  if (first === undefined) return null
  const entries = keys.map(({ id, key }) => ({ id, version: 0, key }))
  return { entries: sorted(entries), inUse: { id: first.id, version: 0 } }
}

export function keysOf<Key>({ entries }: KeyRingState<Key>): readonly KeyEntry<Key>[] {
  return entries.filter(({ key }) => key !== null)
}

/** Adds a key, or makes one that only options name known to everybody; the same state if it is. */
export function withKey<Key>(state: KeyRingState<Key>, id: string, key: Key): KeyRingState<Key> {
  const known = state.entries.find((entry) => entry.id === id)
  if (known !== undefined && known.key !== null && known.version > 0) return state
  return replaced(state, { id, version: nextVersion(state), key })
}

/** Seals with this key, which has to be there. */
export function withInUse<Key>(state: KeyRingState<Key>, id: string): KeyRingState<Key> {
  const known = state.entries.find((entry) => entry.id === id)
  if (known === undefined || known.key === null) return state
  if (state.inUse.id === id && state.inUse.version > 0) return state
  const promoted = withKey(state, id, known.key)
  return { ...promoted, inUse: { id, version: nextVersion(promoted) } }
}

/** Removes a key, also one that this node does not have: others may. */
export function withoutKey<Key>(state: KeyRingState<Key>, id: string): KeyRingState<Key> {
  const known = state.entries.find((entry) => entry.id === id)
  if (known !== undefined && known.key === null) return state
  return replaced(state, { id, version: nextVersion(state), key: null })
}

/**
 * What both states say together: of each key and of the choice of the one in use, the later change
 * holds. A key that one node removed while another chose it stays.
 */
export function merged<Key>(left: KeyRingState<Key>, right: KeyRingState<Key>): KeyRingState<Key> {
  const entries = new Map(left.entries.map((entry) => [entry.id, entry]))
  for (const entry of right.entries) {
    const known = entries.get(entry.id)
    if (known === undefined || isLater(entry, known)) entries.set(entry.id, entry)
  }
  const inUse = isLaterChoice(right.inUse, left.inUse) ? right.inUse : left.inUse
  const chosen = entries.get(inUse.id)
  if (chosen !== undefined && chosen.key === null) {
    const key = [left, right].map((state) => keyIn(state, inUse.id)).find((known) => known !== null)
    const version = chosen.version + 1
    if (key !== undefined) entries.set(inUse.id, { id: inUse.id, version, key })
  }
  return { entries: trimmed([...entries.values()]), inUse }
}

function keyIn<Key>(state: KeyRingState<Key>, id: string): Key | null {
  return state.entries.find((entry) => entry.id === id)?.key ?? null
}

function isLater<Key>(one: KeyEntry<Key>, other: KeyEntry<Key>): boolean {
  if (one.version !== other.version) return one.version > other.version
  return one.key !== null && other.key === null
}

function isLaterChoice(
  one: KeyRingState<unknown>['inUse'],
  other: KeyRingState<unknown>['inUse'],
): boolean {
  return one.version === other.version ? one.id > other.id : one.version > other.version
}

function nextVersion({ entries, inUse }: KeyRingState<unknown>): number {
  return Math.max(inUse.version, ...entries.map(({ version }) => version)) + 1
}

function replaced<Key>(state: KeyRingState<Key>, entry: KeyEntry<Key>): KeyRingState<Key> {
  const others = state.entries.filter(({ id }) => id !== entry.id)
  return { ...state, entries: trimmed([...others, entry]) }
}

/** Keys all stay; of the removed ones the latest. */
function trimmed<Key>(entries: readonly KeyEntry<Key>[]): readonly KeyEntry<Key>[] {
  const removed = entries.filter(({ key }) => key === null)
  const excess = removed.length - removedKeysMax
  if (excess <= 0) return sorted(entries)
  const oldest = new Set(removed.sort((a, b) => a.version - b.version).slice(0, excess))
  return sorted(entries.filter((entry) => !oldest.has(entry)))
}

function sorted<Key>(entries: readonly KeyEntry<Key>[]): readonly KeyEntry<Key>[] {
  return [...entries].sort((a, b) => (a.id < b.id ? -1 : 1))
}
