/** What the choice between connections needs to know of each. */
export interface Usage {
  readonly isIdle: boolean
  /** When it carried something last. */
  readonly lastUsedMs: number
}

/** The idle connection whose last use is longest ago; undefined when every one is in use. */
export function leastRecentlyUsed<C extends Usage>(connections: Iterable<C>): C | undefined {
  let found: C | undefined
  for (const connection of connections) {
    if (!connection.isIdle) continue
    if (found === undefined || connection.lastUsedMs < found.lastUsedMs) found = connection
  }
  return found
}
