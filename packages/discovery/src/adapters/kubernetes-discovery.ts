import { NodosumError } from '@nodosum/kernel'
import type { Discovery, Found } from '../discovery.ts'
import type { DiscoveryOptions } from '../options.ts'
import { dnsDiscovery } from './dns-discovery.ts'
import { nothingFrom, type Problem } from './resolve-seeds.ts'
import { readSmallFile } from './small-file.ts'

export interface KubernetesDiscoveryOptions {
  /** Name of the headless Service (`clusterIP: None`, `publishNotReadyAddresses: true`). */
  readonly service: string
  /** Namespace of the Service; or else `namespaceFile`. */
  readonly namespace?: string | undefined
  /**
   * File that holds the namespace, such as
   * `/var/run/secrets/kubernetes.io/serviceaccount/namespace`, which each pod has unless its
   * service account's token is not mounted. Read until it can be read once.
   */
  readonly namespaceFile?: string | undefined
  /** Name of the Service's UDP port: asks for SRV records, which have the port number. */
  readonly portName?: string | undefined
  /** Domain of the Kubernetes cluster; default `cluster.local`. */
  readonly clusterDomain?: string | undefined
  /** Without `portName`: 1 to 65,535. */
  readonly defaultPort: number
  /** Name servers as `ip` or `ip:port`. Default: those of the pod. */
  readonly servers?: readonly string[] | undefined
  /** What to call the options in messages; default `discovery.kubernetes`. */
  readonly where?: string | undefined
  readonly nowMs?: (() => number) | undefined
  readonly options?: Partial<DiscoveryOptions> | undefined
}

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const namespaceBytesMax = 1_024
const advice =
  'the Service must be headless (clusterIP: None) and have publishNotReadyAddresses: true, or pods that wait for each other never see each other'

/**
 * Finds members behind a headless Service of Kubernetes. Its DNS records are all it takes: the API
 * server is not asked, and no service account or role is needed.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID for what is no name of Kubernetes, and unless exactly one of
 *   `namespace` and `namespaceFile` is given
 */
export function kubernetesDiscovery(options: KubernetesDiscoveryOptions): Discovery {
  const { where = 'discovery.kubernetes', service, namespace, namespaceFile, portName } = options
  const invalid = (key: string, problem: string): NodosumError =>
    new NodosumError('ERR_NODOSUM_CONFIG_INVALID', `${where}.${key}: ${problem}`)
  for (const [key, value] of Object.entries({ service, namespace, portName })) {
    if (value !== undefined && !label.test(value)) {
      const form = 'is no name of Kubernetes: 1 to 63 of a-z 0-9 -, no - at either end'
      throw invalid(key, `${JSON.stringify(value)} ${form}`)
    }
  }
  if ((namespace === undefined) === (namespaceFile === undefined)) {
    throw invalid('namespace', 'give either namespace or namespaceFile')
  }
  const domain = options.clusterDomain ?? 'cluster.local'
  const inNamespace = (name: string): Discovery => {
    const host = `${service}.${name}.svc.${domain}`
    return dnsDiscovery({
      ...options,
      where,
      name: portName === undefined ? host : `_${portName}._udp.${host}`,
    })
  }
  // Also checks the other options, before a file has been read.
  let asked: Discovery | null = inNamespace(namespace ?? 'default')
  if (namespaceFile !== undefined) asked = null
  return {
    find: async (signal): Promise<Found> => {
      if (asked === null) {
        const name = await namespaceIn(namespaceFile ?? '')
        if (typeof name !== 'string') return nothingFrom(`Kubernetes, ${service}`, name)
        asked = inNamespace(name)
      }
      const found = await asked.find(signal)
      const isAbsent = found.reason === 'notFound' || found.reason === 'empty'
      return isAbsent ? { ...found, detail: `${found.detail}; ${advice}` } : found
    },
  }
}

async function namespaceIn(file: string): Promise<string | Problem> {
  const text = await readSmallFile(file, namespaceBytesMax)
  const named = `namespaceFile ${file}`
  if (typeof text !== 'string') {
    const hint = text.reason === 'notFound' ? '; is this a pod with a service account?' : ''
    return { reason: text.reason, text: `${named}: ${text.text}${hint}` }
  }
  const name = text.trim()
  if (label.test(name)) return name
  return { reason: 'malformed', text: `${named} holds no namespace` }
}
