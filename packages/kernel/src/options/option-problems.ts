import type { z } from 'zod'
import { closestKey } from './closest-key.ts'
import { grouped, nodesAt, rangeOf, type SchemaNode, typeName } from './schema-node.ts'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

// Strings of such keys are described, not quoted, even where nobody marked them as secret.
const secretKey = /key|token|secret|password|passphrase|credential|private/i
const quotedCharactersMax = 64

/** One line for each thing that is wrong, in the order of the input: path, expected, got. */
export function describeProblems(
  issues: readonly Issue[],
  input: unknown,
  root: SchemaNode,
  prefix: string,
): string[] {
  const lines = new Set<string>()
  for (const issue of issues) collect(issue, [], { input, root, prefix, lines })
  return [...lines]
}

interface Context {
  readonly input: unknown
  readonly root: SchemaNode
  readonly prefix: string
  readonly lines: Set<string>
}

function collect(issue: Issue, parent: Path, context: Context): void {
  const path = [...parent, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) context.lines.add(unknownKey(key, path, context))
    return
  }
  if (issue.code === 'invalid_union') {
    const branch = intendedBranch(issue.errors)
    if (branch !== undefined) {
      for (const inner of branch) collect(inner, path, context)
      return
    }
  }
  context.lines.add(`${label(path, context.prefix)}: ${expectation(issue, path, context)}`)
}

/** The one alternative that fits the value itself and fails only inside it or by its bounds. */
function intendedBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = branches.filter((issues) =>
    issues.every(
      (issue) =>
        issue.path.length > 0 || !['invalid_type', 'invalid_value', 'custom'].includes(issue.code),
    ),
  )
  return fitting.length === 1 && fitting[0]?.length !== 0 ? fitting[0] : undefined
}

function unknownKey(key: string, path: Path, context: Context): string {
  const known = nodesAt(context.root, path).flatMap((node) => Object.keys(node.properties ?? {}))
  const guess = closestKey(key, known)
  const line = `${label([...path, key], context.prefix)}: unknown key`
  if (guess !== undefined) return `${line}, did you mean '${guess}'?`
  if (known.length === 0) return `${line}, none is expected here`
  return `${line}, known are ${[...new Set(known)].map((name) => `'${name}'`).join(', ')}`
}

function expectation(issue: Issue, path: Path, context: Context): string {
  const value = valueAt(context.input, path)
  const nodes = nodesAt(context.root, path)
  const isSecret =
    nodes.some((node) => node.writeOnly) || path.some((key) => secretKey.test(String(key)))
  const got = describeValue(value, isSecret)
  // The words of whoever wrote the rule say more than its type.
  if (issue.code === 'custom') return `${issue.message} (got ${got})`
  const expected = [...new Set(nodes.map(expectedOf))].filter((words) => words !== '').join(', or ')
  const wanted = expected === '' ? issue.message : `expected ${expected}`
  return value === undefined ? `required and missing; ${wanted}` : `${wanted}, got ${got}`
}

function expectedOf(node: SchemaNode): string {
  const unit = node['x-nodosum-unit']
  const range = rangeOf(node)
  const pattern = node.pattern === undefined ? '' : ` that matches ${node.pattern}`
  const type = typeName(node)
  switch (type) {
    case 'any':
      return ''
    case 'integer':
      return `a whole number${unit === undefined ? '' : ` of ${unit}`}${bounded(range, ' from ')}`
    case 'number':
      return `a number${unit === undefined ? '' : ` of ${unit}`}${bounded(range, ' from ')}`
    case 'string':
      return `a string${bounded(range, ' of ')}${pattern}`
    case 'boolean':
      return 'true or false'
    case 'object':
      return 'an object'
    case 'null':
      return 'null'
    default:
      // A form that is shown needs no article.
      if (/^["{]/.test(type) || ['true', 'false'].includes(type)) return type
      return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}${bounded(range, ' of ')}`
  }
}

function bounded(range: string | null, joint: string): string {
  if (range === null) return ''
  return /^[-\d]/.test(range) ? `${joint}${range}` : `, ${range}`
}

function describeValue(value: unknown, isSecret: boolean): string {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'string':
      return isSecret || value.length > quotedCharactersMax
        ? `a string of ${grouped(value.length)} characters`
        : JSON.stringify(value)
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'bigint':
      return `${value}n`
    case 'object':
      if (ArrayBuffer.isView(value)) return "bytes: pass text, such as toString('utf8') gives"
      return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
    default:
      return `a ${typeof value}`
  }
}

function valueAt(input: unknown, path: Path): unknown {
  let value = input
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<PropertyKey, unknown>)[key]
  }
  return value
}

function label(path: Path, prefix: string): string {
  let text = prefix
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`
    else text += `${text === '' ? '' : '.'}${shown(String(key))}`
  }
  return text === '' ? 'the options' : text
}

// A key comes from the input and may be anything, for example a line break.
function shown(key: string): string {
  return /^[A-Za-z0-9_$-]{1,64}$/.test(key) ? key : JSON.stringify(key.slice(0, 64))
}
