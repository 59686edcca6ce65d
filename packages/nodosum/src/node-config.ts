import { isNodosumError, NodosumError } from '@nodosum/kernel'
import { parseGossipKey } from '@nodosum/security'
import { type Environment, withEnvironment } from './environment.ts'
import { type NodeConfig, type NodeOptions, nodeOptions } from './node-options.ts'

/**
 * The configuration of a node: defaults, then the options, then the environment, if there is one.
 *
 * @throws `CONFIG_INVALID` that lists everything that is wrong, each with its path, what is expected
 *   and what was given; `details.problems` has them singly
 */
export function nodeConfig(
  options: Partial<NodeOptions>,
  environment: Environment | undefined,
): NodeConfig {
  const isTable = typeof options === 'object' && options !== null
  const overrides =
    environment === undefined || !isTable
      ? { options, variables: new Map<string, string>(), problems: [] }
      : withEnvironment({ ...options }, environment, nodeOptions.jsonSchema())
  const problems = [...overrides.problems]
  let config: NodeConfig | null = null
  try {
    config = nodeOptions.parse(overrides.options)
  } catch (error) {
    if (!isNodosumError(error)) throw error
    for (const line of error.details.problems as readonly string[]) {
      problems.push(named(line, overrides.variables))
    }
  }
  if (isTable) problems.push(...missing(overrides.options as Partial<NodeOptions>))
  if (config !== null && problems.length === 0) return config
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  throw new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `The options of createNode have ${count}:\n${problems.map((line) => `  - ${line}`).join('\n')}`,
    { details: { options: 'createNode', problems } },
  )
}

/** Says which variable it was, where one set the option. */
function named(line: string, variables: ReadonlyMap<string, string>): string {
  const [path = ''] = line.split(': ', 1)
  const variable = variables.get(path.replace(/\[\d+\]$/, ''))
  return variable === undefined ? line : `${line} (from ${variable})`
}

/** What a node needs outside of profile development, and gossip keys that are none. */
function missing(options: Partial<NodeOptions>): string[] {
  const { profile, identity, gossipKeys, discovery, join } = options
  if (profile === 'development') return []
  const without = 'or profile: "development" for a cluster on this machine'
  const problems: string[] = []
  if (identity === undefined) {
    problems.push(
      `identity: required and missing; the certificate, key and CA of this node, ${without}`,
    )
  }
  if (gossipKeys === undefined) {
    problems.push('gossipKeys: required and missing; at least one, from generateGossipKey()')
  }
  if (discovery === undefined && join?.alone !== true) {
    problems.push(
      'discovery: required and missing; where the other nodes are, such as { seeds: ["10.0.0.1:6969"] }, or join.alone: true for a cluster of one',
    )
  }
  for (const [index, key] of (Array.isArray(gossipKeys) ? gossipKeys : []).entries()) {
    if (typeof key !== 'string') continue
    try {
      parseGossipKey(key, `gossipKeys[${index}]:`)
    } catch (error) {
      problems.push((error as Error).message)
    }
  }
  return problems
}
