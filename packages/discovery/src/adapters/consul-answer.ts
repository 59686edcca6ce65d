import type { Problem } from './resolve-seeds.ts'

/** What Consul lists: where an instance of the service listens. */
export interface ConsulInstance {
  /** An address or a name. */
  readonly host: string
  /** Null when the service was registered without one. */
  readonly port: number | null
}

export interface ConsulList {
  readonly instances: readonly ConsulInstance[]
  readonly problems: readonly Problem[]
}

/**
 * Reads the answer of `/v1/health/service/<name>`. An instance without an address of its own has
 * that of its node. Instances with a check that does not pass are left out, also when Consul was
 * asked for passing ones and sent others.
 */
export function parseConsulAnswer(body: string, entriesMax: number): ConsulList | Problem {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return { reason: 'malformed', text: 'its answer is no JSON' }
  }
  if (!Array.isArray(value)) return { reason: 'malformed', text: 'its answer is no list' }
  if (value.length > entriesMax) {
    const text = `it lists ${value.length} instances, above ${entriesMax} (recordsMax)`
    return { reason: 'tooLarge', text }
  }
  const instances: ConsulInstance[] = []
  let failing = 0
  let malformed = 0
  for (const entry of value as unknown[]) {
    const instance = instanceOf(entry)
    if (instance === 'failing') failing += 1
    else if (instance === null) malformed += 1
    else instances.push(instance)
  }
  const problems: Problem[] = []
  if (failing > 0) problems.push({ reason: 'empty', text: `${failing} that do not pass left out` })
  if (malformed > 0) {
    problems.push({ reason: 'malformed', text: `${malformed} entries without an address left out` })
  }
  return { instances, problems }
}

function instanceOf(entry: unknown): ConsulInstance | 'failing' | null {
  const { Node: node, Service: service, Checks: checks } = fieldsOf(entry)
  if (Array.isArray(checks) && checks.some((check) => fieldsOf(check).Status !== 'passing')) {
    return 'failing'
  }
  const { Address: own, Port: port } = fieldsOf(service)
  const host = own === '' || own === undefined ? fieldsOf(node).Address : own
  if (typeof host !== 'string' || host === '') return null
  if (port === 0 || port === undefined) return { host, port: null }
  return typeof port === 'number' ? { host, port } : null
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/**
 * The index to wait for, from the header of an answer. Consul asks to start again from 0 when an
 * index goes backwards, and never to wait for one below 1.
 */
export function nextIndex(header: string | undefined, index: number): number {
  const next = Number(header)
  return Number.isSafeInteger(next) && next > 0 && next >= index ? next : 0
}
