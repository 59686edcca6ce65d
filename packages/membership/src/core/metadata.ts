import type { MetadataEntry, MetadataRun } from '../wire/statement.ts'

/** Removed keys that a member keeps telling; beyond it a change is told from the beginning. */
const removedMax = 64

// Shared, for most members of a large cluster may have neither.
const noTags: Readonly<Record<string, string>> = Object.freeze({})
const noApplications: readonly string[] = Object.freeze([])
const nothing: MetadataRun = { from: 0, to: 0, entries: [] }

/**
 * Tags and applications of one member as versioned keys: a change travels as the keys that changed,
 * and a removed key stays known, so that an old statement does not bring it back. Immutable.
 */
export class Metadata {
  static readonly empty: Metadata = new Metadata(0, [], 0)
  /** The version up to which everything is known. */
  readonly version: number
  /** One for each key, by rising version. */
  readonly entries: readonly MetadataEntry[]
  /** Of keys that were removed up to this version nothing is known any more. */
  readonly #floor: number

  private constructor(version: number, entries: readonly MetadataEntry[], floor: number) {
    this.version = version
    const removed = entries.filter(({ value }) => value === null)
    const surplus = removed[removed.length - removedMax - 1]
    this.#floor = Math.max(floor, surplus?.version ?? 0)
    this.entries =
      surplus === undefined
        ? entries
        : entries.filter((entry) => entry.value !== null || entry.version > surplus.version)
  }

  get tags(): Readonly<Record<string, string>> {
    if (this.entries.length === 0) return noTags
    const tags: Record<string, string> = {}
    for (const { kind, key, value } of this.#sorted()) {
      if (kind !== 'tag' || value === null) continue
      // A key such as __proto__ is a key like any other.
      Object.defineProperty(tags, key, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      })
    }
    return tags
  }

  get applications(): readonly string[] {
    if (this.entries.length === 0) return noApplications
    const found: string[] = []
    for (const { kind, key, value } of this.#sorted()) {
      if (kind === 'application' && value !== null) found.push(key)
    }
    return found
  }

  /** What has changed since a version; all of it for those who are too far behind. */
  after(version: number): MetadataRun {
    if (this.version === 0) return nothing
    if (version < this.#floor || version === 0) {
      const entries = this.entries.filter(({ value }) => value !== null)
      return { from: 0, to: this.version, entries }
    }
    const entries = this.entries.filter((entry) => entry.version > version)
    return { from: version, to: this.version, entries }
  }

  /** The owner's own change: sets or removes (null) keys of one kind. */
  changed(
    kind: MetadataEntry['kind'],
    values: Iterable<readonly [key: string, value: string | null]>,
  ): Metadata {
    const byKey = new Map(this.entries.map((entry) => [keyOf(entry), entry]))
    let { version } = this
    for (const [key, value] of values) {
      const before = byKey.get(`${kind}:${key}`)
      if (before === undefined ? value === null : before.value === value) continue
      version += 1
      byKey.set(`${kind}:${key}`, { kind, key, value, version })
    }
    return version === this.version ? this : new Metadata(version, ordered(byKey), this.#floor)
  }

  /**
   * With these changes, or as it was when they say nothing new or leave a gap: what is between
   * comes with anti-entropy.
   */
  merged(run: MetadataRun): Metadata {
    if (run.to <= this.version || run.from > this.version) return this
    const kept = run.from === 0 ? [] : this.entries
    const byKey = new Map(kept.map((entry) => [keyOf(entry), entry]))
    for (const entry of run.entries) {
      const before = byKey.get(keyOf(entry))
      if (before === undefined || before.version < entry.version) byKey.set(keyOf(entry), entry)
    }
    return new Metadata(run.to, ordered(byKey), run.from === 0 ? run.to : this.#floor)
  }

  #sorted(): MetadataEntry[] {
    return [...this.entries].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  }
}

function keyOf({ kind, key }: MetadataEntry): string {
  return `${kind}:${key}`
}

function ordered(byKey: ReadonlyMap<string, MetadataEntry>): MetadataEntry[] {
  return [...byKey.values()].sort((a, b) => a.version - b.version)
}
