import { integer } from '@nodosum/kernel/options'
import { z } from 'zod'

/** Addresses of the other nodes, asked for anew each time somebody is looked for. */
export type FindSeeds = (
  signal: AbortSignal,
) =>
  | Promise<readonly (string | { readonly host: string; readonly port: number })[]>
  | readonly (string | { readonly host: string; readonly port: number })[]

/** Names that a name server is asked for. */
export interface DnsSource {
  readonly name: string
  readonly records?: 'address' | 'service' | undefined
  readonly port?: number | undefined
  readonly servers?: readonly string[] | undefined
}

/** The headless Service of the nodes in Kubernetes. */
export interface KubernetesSource {
  readonly service: string
  readonly namespace?: string | undefined
  readonly namespaceFile?: string | undefined
  readonly portName?: string | undefined
  readonly port?: number | undefined
  readonly clusterDomain?: string | undefined
  readonly servers?: readonly string[] | undefined
}

/** The service under which the nodes are registered in Consul. */
export interface ConsulSource {
  readonly service: string
  readonly url?: string | undefined
  readonly tag?: string | undefined
  readonly datacenter?: string | undefined
  readonly token?: string | undefined
  readonly tokenFile?: string | undefined
  readonly caFile?: string | undefined
  readonly certificateFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly port?: number | undefined
}

/** Where to look for other nodes: one source, or several that are all asked. */
export interface DiscoverySources {
  readonly seeds?: readonly string[] | undefined
  readonly dns?: string | DnsSource | undefined
  readonly kubernetes?: KubernetesSource | undefined
  readonly consul?: ConsulSource | undefined
  readonly file?: string | undefined
}

const port = integer({
  min: 1,
  max: 65_535,
  description: 'Of the nodes, where the source has none. Default: 6969.',
}).optional()

const servers = z
  .array(z.string())
  .min(1)
  .max(8)
  .optional()
  .describe('Name servers as ip or ip:port. Default: those of the system.')

const file = (what: string): z.ZodOptional<z.ZodString> =>
  z.string().min(1).optional().describe(what)

const dns = z.strictObject({
  name: z.string().min(1).max(253).describe('Fully qualified; no search domain is tried.'),
  records: z
    .enum(['address', 'service'])
    .optional()
    .describe('A and AAAA, or SRV. Default: service when the name begins with "_", else address.'),
  port,
  servers,
})

const kubernetes = z.strictObject({
  service: z.string().describe('Name of the headless Service of the nodes.'),
  namespace: z.string().optional().describe('Namespace of the Service; or else namespaceFile.'),
  namespaceFile: file(
    'File that holds it, in a pod /var/run/secrets/kubernetes.io/serviceaccount/namespace.',
  ),
  portName: z
    .string()
    .optional()
    .describe("Name of the Service's UDP port: its SRV records have the number."),
  port,
  clusterDomain: z.string().optional().describe('Default: cluster.local.'),
  servers,
})

const consul = z.strictObject({
  service: z.string().min(1).max(255).describe('Name under which the nodes are registered.'),
  url: z.string().optional().describe('Of its HTTP API. Default: http://127.0.0.1:8500.'),
  tag: z.string().optional().describe('Only instances with this tag.'),
  datacenter: z.string().optional().describe("Default: the agent's."),
  token: z.string().optional().describe('Needs service:read and node:read.'),
  tokenFile: file('File that holds the token; read for each question.'),
  caFile: file("PEM file of the CAs of Consul's certificate."),
  certificateFile: file('PEM file of the certificate that Consul is shown.'),
  keyFile: file('PEM file of its private key.'),
  port,
})

/** The option `discovery` of `createNode`. */
export const discoverySources: z.ZodType<
  DiscoverySources | FindSeeds,
  DiscoverySources | FindSeeds
> = z.union([
  z
    .strictObject({
      seeds: z
        .array(z.string())
        .max(64)
        .optional()
        .describe('Addresses of other nodes, host:port; this node may be among them.'),
      dns: z
        .union([z.string().min(1).max(253), dns])
        .optional()
        .describe('A name whose A and AAAA, or SRV records are the nodes.'),
      kubernetes: kubernetes.optional().describe('DNS records of a headless Service.'),
      consul: consul.optional().describe('Instances of a service in Consul whose checks pass.'),
      file: file('Path of a file with one host:port on each line, or a JSON array of them.'),
    })
    .refine((sources) => Object.values(sources).some((source) => source !== undefined), {
      error: 'names no source: give seeds, dns, kubernetes, consul, file, or a function',
    })
    .meta({ 'x-nodosum-type': '{ seeds: ["10.0.0.1:6969"] } (or dns, kubernetes, consul, file)' }),
  // Not z.function(), which puts a wrapper of its own around it.
  z
    .custom<FindSeeds>((value) => typeof value === 'function')
    .meta({ 'x-nodosum-type': 'function' }),
]) as unknown as z.ZodType<DiscoverySources | FindSeeds, DiscoverySources | FindSeeds>
