import { readFileSync } from 'node:fs'
import { closestKey } from '@nodosum/kernel/options'

/** Variables by name, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** A node of the JSON Schema of the options, as far as names and types need it. */
interface SchemaNode {
  readonly type?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: boolean | SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  readonly 'x-nodosum-type'?: string
}

/** What the environment says of the options. */
export interface Overrides {
  /** The options with what the environment sets. */
  readonly options: Record<string, unknown>
  /** Which variable set an option, by the path of the option. */
  readonly variables: ReadonlyMap<string, string>
  readonly problems: readonly string[]
}

const prefix = 'NODOSUM_'

/** A name that ends so is the path of a file which holds the value. */
const fileSuffix = '_FILE'

/** Bytes of such a file. */
const fileBytesMax = 65_536

/** What Kubernetes sets in every pod for a Service whose name begins with "nodosum". */
const injected = /^NODOSUM_([A-Z0-9]+_)*(SERVICE_|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?$)/
const injectedPort = /^NODOSUM_([A-Z0-9]+_)*PORT(_.*)?$/

/**
 * Puts variables over options: `NODOSUM_LISTEN__PORT=7000` is `listen.port`, two underscores go one
 * level down, one stands before a capital letter. `NODOSUM_GOSSIP_KEYS_FILE` names a file that holds
 * the value. Lists are separated by commas or spaces, objects are JSON. An empty variable is not set.
 */
export function withEnvironment(
  given: Readonly<Record<string, unknown>>,
  environment: Environment,
  schema: unknown,
): Overrides {
  const root = schema as SchemaNode
  const options = { ...given }
  const variables = new Map<string, string>()
  const problems: string[] = []
  for (const [name, text] of Object.entries(environment).toSorted(byName)) {
    if (!name.startsWith(prefix) || text === undefined || text === '') continue
    const found = lookUp(root, name)
    if (found === null) {
      if (!isInjected(name, text)) problems.push(unknown(name, root))
      continue
    }
    const path = found.path.join('.')
    const earlier = variables.get(path)
    if (earlier !== undefined) {
      problems.push(`${name}: ${earlier} sets ${path} as well; take one of them out`)
      continue
    }
    variables.set(path, name)
    const content = found.isFile ? contentOf(name, text) : { value: text }
    if ('problem' in content) {
      problems.push(content.problem)
      continue
    }
    const read = readValue(content.value, found.nodes)
    if ('problem' in read) problems.push(`${name}: ${read.problem}`)
    else put(options, found.path, read.value)
  }
  return { options, variables, problems }
}

/** How the variable of an option is called. */
export function variableOf(path: readonly string[]): string {
  return prefix + path.map(segmentOf).join('__')
}

interface Found {
  readonly path: readonly string[]
  readonly nodes: readonly SchemaNode[]
  readonly isFile: boolean
}

/** An option of this very name comes before the file that holds another one: `identity.keyFile`. */
function lookUp(root: SchemaNode, name: string): Found | null {
  const direct = descend(root, name.slice(prefix.length).split('__'))
  if (direct !== null) return { ...direct, isFile: false }
  if (!name.endsWith(fileSuffix)) return null
  const named = name.slice(prefix.length, -fileSuffix.length)
  const inFile = descend(root, named.split('__'))
  return inFile === null ? null : { ...inFile, isFile: true }
}

function descend(root: SchemaNode, segments: readonly string[]): Omit<Found, 'isFile'> | null {
  let nodes = alternatives(root)
  const path: string[] = []
  for (const segment of segments) {
    const next = nodes.flatMap((node) => childOf(node, segment))
    const [first] = next
    if (first === undefined) return null
    path.push(first.key)
    nodes = next.flatMap(({ node }) => alternatives(node))
  }
  return { path, nodes }
}

function childOf(node: SchemaNode, segment: string): { key: string; node: SchemaNode }[] {
  const known = Object.entries(node.properties ?? {}).find(([key]) => segmentOf(key) === segment)
  if (known !== undefined) return [{ key: known[0], node: known[1] }]
  const { additionalProperties } = node
  if (typeof additionalProperties !== 'object' || segment === '') return []
  // Names that users choose, such as tags, are kept; options are in camel case.
  const isChosen = additionalProperties.type !== undefined
  return [{ key: isChosen ? segment : camelCase(segment), node: additionalProperties }]
}

function alternatives(node: SchemaNode): readonly SchemaNode[] {
  return node.anyOf === undefined ? [node] : node.anyOf.flatMap(alternatives)
}

/** `dataDirectory` is DATA_DIRECTORY. */
function segmentOf(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()
}

function camelCase(segment: string): string {
  return segment.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

type Read = { readonly value: unknown } | { readonly problem: string }

function contentOf(name: string, file: string): { value: string } | { problem: string } {
  try {
    const bytes = readFileSync(file)
    if (bytes.length > fileBytesMax) {
      return { problem: `${name}: ${file} has ${bytes.length} bytes, at most ${fileBytesMax} fit` }
    }
    return { value: bytes.toString('utf8').trim() }
  } catch (error) {
    return { problem: `${name}: ${file} cannot be read: ${(error as Error).message}` }
  }
}

/** The text as the option takes it; what fits no type stays text, and the option's check says so. */
function readValue(text: string, nodes: readonly SchemaNode[]): Read {
  const types = new Set(nodes.map(({ type }) => type))
  const isAny = nodes.some((node) => node.type === undefined && !node['x-nodosum-type'])
  if (/^[[{]/.test(text) && (types.has('object') || types.has('array') || isAny)) {
    try {
      return { value: JSON.parse(text) }
    } catch {
      return { problem: 'it begins like JSON and is none' }
    }
  }
  if (types.has('array')) return { value: text.split(/[\s,]+/).filter((item) => item !== '') }
  if (types.has('string')) return { value: text }
  if (types.has('boolean') || isAny) {
    if (text === 'true' || text === 'false') return { value: text === 'true' }
  }
  if (types.has('number') || types.has('integer') || isAny) {
    return { value: /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text }
  }
  if (types.has('object') || types.has('boolean')) return { value: text }
  const what = nodes.find((node) => node['x-nodosum-type'])?.['x-nodosum-type'] ?? 'this'
  return { problem: `a ${what} cannot come from the environment; pass it to createNode` }
}

/** Sets it in copies of what is on the way: the caller's own objects stay as they are. */
function put(options: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let target = options
  for (const key of path.slice(0, -1)) {
    const inner = target[key]
    const isTable = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    const copy: Record<string, unknown> = isTable ? { ...inner } : {}
    target[key] = copy
    target = copy
  }
  target[path.at(-1) as string] = value
}

function isInjected(name: string, text: string): boolean {
  return injected.test(name) || (injectedPort.test(name) && /^(tcp|udp|sctp):\/\//.test(text))
}

function unknown(name: string, root: SchemaNode): string {
  // The prefix that all share would make everything look alike.
  const known = variablesOf(root, []).map((variable) => variable.slice(prefix.length))
  const guess = closestKey(name.slice(prefix.length), known)
  if (guess !== undefined) return `${name}: no option is called so, did you mean ${prefix}${guess}?`
  return `${name}: no option is called so; names that begin with ${prefix} are for options only`
}

function variablesOf(node: SchemaNode, path: readonly string[]): string[] {
  const inner = alternatives(node).flatMap(({ properties }) =>
    Object.entries(properties ?? {}).flatMap(([key, child]) => variablesOf(child, [...path, key])),
  )
  return path.length === 0 ? inner : [variableOf(path), ...inner]
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}
