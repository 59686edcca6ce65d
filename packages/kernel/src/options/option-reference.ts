import { rangeOf, type SchemaNode, typeName } from './schema-node.ts'

/** One option, as the reference lists it. */
export interface OptionReference {
  /** Names from the outermost table, joined with dots. */
  readonly path: string
  /** `integer`, `boolean`, `string`, `"a" or "b"`, `array of string`, `any`. */
  readonly type: string
  /** The value when nothing is given; undefined when there is none. */
  readonly default: unknown
  /** Whether something must be given. */
  readonly required: boolean
  /** `ms`, `bytes` or another unit; null when it has none. */
  readonly unit: string | null
  /** The bounds in words, `100 to 60,000`; null when it has none. */
  readonly range: string | null
  /** When a change takes effect: `hot`, `drain`, `restart`; null when that is not stated. */
  readonly reload: string | null
  readonly description: string
  /** Where default or bounds come from; null when that is not stated. */
  readonly source: string | null
}

/** Every option of a table, nested ones after what is said of the object that holds them. */
export function referenceOf(root: SchemaNode): OptionReference[] {
  const rows: OptionReference[] = []
  collect(root, '', false, rows)
  return rows
}

function collect(node: SchemaNode, path: string, required: boolean, rows: OptionReference[]): void {
  if (node.properties !== undefined) {
    // What is said of a group as a whole comes before its options.
    if (path !== '' && node.description !== undefined) rows.push(rowOf(node, path, required))
    for (const [key, child] of Object.entries(node.properties)) {
      const isRequired = node.required?.includes(key) === true
      collect(child, path === '' ? key : `${path}.${key}`, isRequired, rows)
    }
    return
  }
  rows.push(rowOf(node, path, required))
  // An alternative that is an object has options of its own.
  for (const alternative of node.anyOf ?? node.oneOf ?? []) {
    if (alternative.properties !== undefined) collect(alternative, path, false, rows)
  }
}

function rowOf(node: SchemaNode, path: string, required: boolean): OptionReference {
  return {
    path,
    type: typeName(node),
    // The default of a group is that of its options.
    default: node.properties === undefined ? node.default : undefined,
    required,
    unit: node['x-nodosum-unit'] ?? null,
    range: rangeOf(node),
    reload: node['x-nodosum-reload'] ?? null,
    description: node.description ?? '',
    source: node['x-nodosum-source'] ?? null,
  }
}
