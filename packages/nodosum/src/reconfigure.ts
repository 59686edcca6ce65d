import { NodosumError } from '@nodosum/kernel'
import type { MessagingOptions } from '@nodosum/messaging'
import { type NodeConfig, type NodeOptions, nodeOptions } from './node-options.ts'

/** Options whose change takes effect at once, in the order in which they are applied. */
export interface HotChanges {
  readonly identity: NodeOptions['identity'] | null
  readonly tags: Readonly<Record<string, string>> | null
  readonly logLevel: NodeConfig['logLevel'] | null
  readonly messaging: Partial<MessagingOptions>
  /** Of everything that changes. */
  readonly paths: readonly string[]
}

/** How deep options are nested at most. */
const depthMax = 8

/**
 * What changes when these options replace those of the configuration.
 *
 * @throws `CONFIG_INVALID` for options that are wrong, and when one of them only takes effect at a
 *   restart; `details.restart` names those
 */
export function hotChanges(config: NodeConfig, given: unknown): { next: NodeConfig } & HotChanges {
  const { signal: _signal, ...current } = config
  const merged = merge(current, given, 0)
  const next = nodeOptions.parse(merged)
  const paths = differences(current, next, '', 0)
  const restart = paths.filter((path) => !isHot(path))
  if (restart.length > 0) throw refused(restart)
  const has = (path: string): boolean =>
    paths.some((one) => one === path || one.startsWith(`${path}.`))
  const messaging = Object.entries(next.layers.messaging).filter(([name]) =>
    has(`layers.messaging.${name}`),
  )
  return {
    next,
    identity: has('identity') ? next.identity : null,
    tags: has('tags') ? next.tags : null,
    logLevel: has('logLevel') ? next.logLevel : null,
    messaging: Object.fromEntries(messaging),
    paths,
  }
}

let hotPaths: readonly string[] | null = null

/** As the schema says, which the reference shows. */
function isHot(path: string): boolean {
  hotPaths ??= [
    ...nodeOptions
      .reference()
      .filter(({ reload }) => reload === 'hot')
      .map((option) => option.path),
  ]
  return hotPaths.some((hot) => path === hot || path.startsWith(`${hot}.`))
}

function refused(paths: readonly string[]): NodosumError {
  const lines = paths.map((path) =>
    path.startsWith('gossipKeys')
      ? `${path}: the keys of a running cluster are replaced step by step, with node.gossipKeys.install, use and remove`
      : `${path}: takes effect at a restart only; restart the node, or leave it as it is`,
  )
  return new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `node.reconfigure has changed nothing:\n${lines.map((line) => `  - ${line}`).join('\n')}`,
    { details: { restart: [...paths] } },
  )
}

/** Tables are merged, anything else is replaced; undefined leaves what there is. */
function merge(current: unknown, given: unknown, depth: number): unknown {
  if (given === undefined) return current
  if (!isTable(current) || !isTable(given) || depth > depthMax) return given
  const merged: Record<string, unknown> = { ...current }
  for (const [key, value] of Object.entries(given)) {
    // Names that users choose are replaced as a whole, so that one can be taken out.
    merged[key] = key === 'tags' ? (value ?? current[key]) : merge(current[key], value, depth + 1)
  }
  return merged
}

function differences(a: unknown, b: unknown, path: string, depth: number): string[] {
  if (Object.is(a, b)) return []
  if (isTable(a) && isTable(b) && depth <= depthMax) {
    return [...new Set([...Object.keys(a), ...Object.keys(b)])]
      .sort()
      .flatMap((key) =>
        differences(a[key], b[key], path === '' ? key : `${path}.${key}`, depth + 1),
      )
  }
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
    return a.every((item, index) => differences(item, b[index], path, depth + 1).length === 0)
      ? []
      : [path]
  }
  return [path]
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
