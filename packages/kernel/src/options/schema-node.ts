/** A node of the JSON Schema of an option table, as far as messages and the reference need it. */
export interface SchemaNode {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly format?: string
  readonly default?: unknown
  readonly description?: string
  readonly writeOnly?: boolean
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | SchemaNode
  readonly items?: SchemaNode
  readonly prefixItems?: readonly SchemaNode[]
  readonly anyOf?: readonly SchemaNode[]
  readonly oneOf?: readonly SchemaNode[]
  readonly allOf?: readonly SchemaNode[]
  readonly 'x-nodosum-unit'?: string
  readonly 'x-nodosum-source'?: string
  readonly 'x-nodosum-reload'?: string
  /** What to call the type where JSON Schema has no word for it, for example `function`. */
  readonly 'x-nodosum-type'?: string
}

/** The alternatives of a node; the node itself when it has none. */
export function alternatives(node: SchemaNode): readonly SchemaNode[] {
  if (typeof node.type === 'object') return node.type.map((type) => ({ ...node, type }))
  const several = node.anyOf ?? node.oneOf ?? node.allOf
  return several === undefined ? [node] : several.flatMap(alternatives)
}

/** Every node that may describe the value at the path. */
export function nodesAt(root: SchemaNode, path: readonly PropertyKey[]): readonly SchemaNode[] {
  let nodes = alternatives(root)
  for (const key of path) {
    nodes = nodes.flatMap((node) => {
      const child = childOf(node, key)
      return child === undefined ? [] : alternatives(child)
    })
  }
  return nodes
}

function childOf(node: SchemaNode, key: PropertyKey): SchemaNode | undefined {
  if (typeof key === 'number') return node.prefixItems?.[key] ?? node.items
  const properties = node.properties
  const name = String(key)
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name]
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined
}

/** The word for the type of a node: `integer`, `array of string`, `"quic" or "h2"`. */
export function typeName(node: SchemaNode): string {
  const named = node['x-nodosum-type']
  if (named !== undefined) return named
  const several = node.anyOf ?? node.oneOf
  if (several !== undefined) return [...new Set(several.map(typeName))].join(' or ')
  const values = node.enum ?? (node.const === undefined ? undefined : [node.const])
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(' or ')
  if (node.type === 'array') {
    return node.items === undefined ? 'array' : `array of ${typeName(node.items)}`
  }
  if (node.type === undefined) return 'any'
  return typeof node.type === 'string' ? node.type : node.type.join(' or ')
}

/** The bounds of a node in words; null when it has none. */
export function rangeOf(node: SchemaNode): string | null {
  const low = node.minimum ?? node.minLength ?? node.minItems
  const high = node.maximum ?? node.maxLength ?? node.maxItems
  const what =
    node.minLength !== undefined || node.maxLength !== undefined
      ? ' characters'
      : node.minItems !== undefined || node.maxItems !== undefined
        ? ' items'
        : ''
  if (low !== undefined && high !== undefined) return `${grouped(low)} to ${grouped(high)}${what}`
  if (low !== undefined) return `at least ${grouped(low)}${what}`
  if (high !== undefined) return `at most ${grouped(high)}${what}`
  if (node.exclusiveMinimum !== undefined) return `above ${grouped(node.exclusiveMinimum)}`
  if (node.exclusiveMaximum !== undefined) return `below ${grouped(node.exclusiveMaximum)}`
  return null
}

/** A number with its thousands set apart, the same in every locale. */
export function grouped(value: number): string {
  const [whole = '', fraction] = String(value).split('.')
  if (!/^-?\d+$/.test(whole)) return String(value)
  const parted = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? parted : `${parted}.${fraction}`
}
