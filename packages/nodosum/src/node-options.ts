import { isIP } from 'node:net'
import { isClusterName, isNodeId, type Logger } from '@nodosum/kernel'
import { choice, defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { type MembershipOptions, membershipOptions } from '@nodosum/membership'
import {
  type Implementation,
  isImplementation,
  type MessagingOptions,
  messagingOptions,
} from '@nodosum/messaging'
import { type StreamsOptions, streamsOptions } from '@nodosum/streams'
import { type PoolOptions, type PoolSettings, poolOptions } from '@nodosum/transport'
import { type H2Settings, h2Options } from '@nodosum/transport-h2'
import { z } from 'zod'
import type { Admit } from './admission.ts'
import { type DiscoverySources, discoverySources, type FindSeeds } from './discovery-options.ts'
import { checkCombination } from './profile.ts'

const name = (what: string, check: (value: unknown) => boolean): z.ZodType<string, string> =>
  z.string().refine(check, { error: `${what}: 1 to 64 characters of A-Z a-z 0-9 . _ -` })

const identity = z.strictObject({
  certificateFile: z.string().optional().describe('PEM file of the certificate and its chain.'),
  keyFile: z.string().optional().describe('PEM file of its private key.'),
  caFile: z
    .string()
    .optional()
    .describe('PEM file of the CA, or of several while one is replaced.'),
  certificate: z.string().optional().describe('PEM text instead of certificateFile.'),
  key: z.string().optional().describe('PEM text instead of keyFile.'),
  ca: z.string().optional().describe('PEM text instead of caFile.'),
  match: z
    .enum(['node', 'cluster'])
    .default('node')
    .describe('node: the certificate names this node. cluster: replicas share one certificate.'),
})

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** What `createNode` takes; `nodeOptions` has the defaults, ranges and meanings. */
export interface NodeOptions {
  readonly cluster: string
  readonly nodeId?: string | undefined
  readonly profile?: 'development' | 'small' | undefined
  readonly listen?: { readonly host?: string; readonly port?: number } | undefined
  readonly advertise?: { readonly host: string } | undefined
  readonly discovery?: DiscoverySources | FindSeeds | undefined
  readonly join?:
    | {
        readonly expect?: number | undefined
        readonly alone?: boolean | undefined
        readonly timeoutMs?: number | undefined
      }
    | undefined
  readonly identity?: IdentityOptions | undefined
  readonly gossipKeys?: readonly string[] | undefined
  readonly transport?: 'auto' | 'quic' | 'h2' | undefined
  readonly applications?: readonly Implementation[] | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
  readonly admit?: Admit | undefined
  readonly dataDirectory?: string | undefined
  readonly developmentDirectory?: string | undefined
  readonly logger?: Logger | undefined
  readonly logLevel?: LogLevel | undefined
  readonly signal?: AbortSignal | undefined
  readonly layers?:
    | {
        readonly membership?: Partial<MembershipOptions>
        readonly streams?: Partial<StreamsOptions>
        readonly messaging?: Partial<MessagingOptions>
        readonly pool?: PoolOptions
        readonly h2?: Partial<H2Settings>
        readonly quic?: Readonly<Record<string, unknown>>
      }
    | undefined
}

export interface IdentityOptions {
  readonly certificateFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly caFile?: string | undefined
  readonly certificate?: string | undefined
  readonly key?: string | undefined
  readonly ca?: string | undefined
  readonly match?: 'node' | 'cluster' | undefined
}

/** The options with every default filled in. */
export interface NodeConfig {
  readonly cluster: string
  readonly nodeId?: string | undefined
  readonly profile: 'development' | 'small'
  readonly listen?:
    | { readonly host?: string | undefined; readonly port?: number | undefined }
    | undefined
  readonly advertise?: { readonly host: string } | undefined
  readonly discovery?: DiscoverySources | FindSeeds | undefined
  readonly join: {
    readonly expect?: number | undefined
    readonly alone?: boolean | undefined
    readonly timeoutMs: number
  }
  readonly identity?: (IdentityOptions & { readonly match: 'node' | 'cluster' }) | undefined
  readonly gossipKeys?: readonly string[] | undefined
  readonly transport: 'auto' | 'quic' | 'h2'
  readonly applications: readonly Implementation[]
  readonly tags: Readonly<Record<string, string>>
  readonly admit?: Admit | undefined
  readonly dataDirectory?: string | undefined
  readonly developmentDirectory?: string | undefined
  readonly logger?: Logger | undefined
  readonly logLevel?: LogLevel | undefined
  readonly signal?: AbortSignal | undefined
  readonly layers: {
    readonly membership: MembershipOptions
    readonly streams: StreamsOptions
    readonly messaging: MessagingOptions
    readonly pool: PoolSettings
    readonly h2: H2Settings
    readonly quic: Readonly<Record<string, unknown>>
  }
}

/** Fit to listen on, and not to be reached at. */
const everyAddress: ReadonlySet<string> = new Set(['0.0.0.0', '::', '0:0:0:0:0:0:0:0'])

/** A change takes effect at once, by `node.reconfigure`. */
const hot = { 'x-nodosum-reload': 'hot' } as const

/** Every option of `createNode`. */
export const nodeOptions: OptionTable<NodeConfig, NodeOptions> = defineOptions({
  name: 'createNode',
  schema: z
    .strictObject({
      cluster: name('cluster name', isClusterName).describe('Nodes with other names never talk.'),
      nodeId: name('node id', isNodeId)
        .optional()
        .describe('Default: from the certificate, else kept in dataDirectory, else random.'),
      profile: z
        .enum(['development', 'small'])
        .default('small')
        .describe(
          'development: certificates, gossip key and discovery come from a directory on this machine; loopback only.',
        ),
      listen: z
        .strictObject({
          host: z
            .string()
            .optional()
            .describe(
              'Address to bind, an IP literal. Default: 0.0.0.0; in profile development 127.0.0.1.',
            ),
          port: integer({
            min: 0,
            max: 65_535,
            description:
              'UDP port for gossip and QUIC, TCP port for HTTP/2: the same number. 0 picks a free one. Default: 6969; in profile development 0.',
          }).optional(),
        })
        .optional()
        .describe('Where this node listens; in profile development on loopback only.'),
      advertise: z
        .strictObject({
          host: z
            .string()
            .refine((host) => isIP(host) !== 0, 'an IP address, not a name')
            .refine(
              (host) => !everyAddress.has(host),
              'nobody reaches 0.0.0.0 or ::; leave it out, and a seed tells this node its address',
            )
            .describe('The IP address at which others reach this node.'),
        })
        .optional()
        .describe('Default: the address it binds, or for 0.0.0.0 what a seed saw.'),
      discovery: discoverySources
        .optional()
        .describe(
          'Where to look for other nodes, again and again: one or several of seeds, dns, kubernetes, consul and file, or a function that resolves to a list like seeds.',
        ),
      join: z
        .strictObject({
          expect: z
            .number()
            .int()
            .min(1)
            .max(1_000)
            .optional()
            .describe('Forms a cluster once so many founders see each other.'),
          alone: z
            .boolean()
            .optional()
            .describe(
              'May form a cluster by itself; not together with expect. Default: true in profile development, unless expect is set.',
            ),
          timeoutMs: duration({
            default: 30_000,
            min: 100,
            max: 3_600_000,
            description: 'How long to try before createNode rejects with JOIN_TIMEOUT.',
          }),
        })
        .prefault({})
        .describe(
          'How a cluster may begin. With neither expect nor alone this node joins one that there is.',
        ),
      identity: identity.optional().meta(hot).describe('Required except in profile development.'),
      gossipKeys: z
        .array(z.string())
        .min(1)
        .max(8)
        .optional()
        .describe(
          'From generateGossipKey(). The first seals, all open. Required except in profile development.',
        ),
      transport: z
        .enum(['auto', 'quic', 'h2'])
        .default('auto')
        .describe(
          'What this node dials with. auto: QUIC, and HTTP/2 as well when QUIC has not answered within a second, or alone where QUIC does not load. Every node listens on HTTP/2 and, where it loads, on QUIC.',
        ),
      applications: z
        .array(
          z
            .custom<Implementation>(isImplementation, {
              error: 'takes what contract.implement({ … }) returns, such as shop.implement({ … })',
            })
            .meta({ 'x-nodosum-type': 'Implementation' }),
        )
        .max(256)
        .default([])
        .superRefine(checkApplications)
        .describe(
          'Contracts that this node runs, each from contract.implement({ … }); registered before the node is announced.',
        ),
      tags: z
        .record(z.string(), z.string())
        .default({})
        .superRefine(checkTags)
        .meta(hot)
        .describe('Seen by members: at most 32, names of 64 and values of 256 bytes of UTF-8.'),
      admit: z
        .custom<Admit>((value) => typeof value === 'function', 'a function of a member')
        .meta({ 'x-nodosum-type': '(member: Member) => string | null' })
        .optional()
        .describe(
          'Says why a node must stay outside, or null. Who is refused is no member here, and gets no connection: JOIN_REFUSED with the reason. Default: everybody with the gossip key and a certificate may take part. Use the same on every node.',
        ),
      dataDirectory: z
        .string()
        .optional()
        .describe(
          'Keeps the node id, if it has to be made up, how often the node was started, and gossip keys.',
        ),
      developmentDirectory: z
        .string()
        .optional()
        .describe('Where profile development keeps what its nodes share. Default: per user.'),
      logger: z
        .custom<Logger>(isLogger, 'a logger has debug, info, warn, error and child')
        .meta({ 'x-nodosum-type': 'Logger' })
        .optional()
        .describe(
          'Has debug, info, warn and error, each (fields, message), and child(fields), as pino has. Default: JSON lines of warnings and errors on stderr.',
        ),
      logLevel: choice({
        values: ['debug', 'info', 'warn', 'error', 'silent'],
        description:
          'What the default logger writes; not together with logger, which has a level of its own. Default: warn.',
        reload: 'hot',
      }).optional(),
      signal: z
        .instanceof(AbortSignal)
        .meta({ 'x-nodosum-type': 'AbortSignal' })
        .optional()
        .describe('Gives up joining when it aborts.'),
      layers: z
        .strictObject({
          membership: membershipOptions.schema.prefault({}),
          streams: streamsOptions.schema.prefault({}),
          messaging: messagingOptions.schema.prefault({}),
          pool: poolOptions.schema.prefault({}),
          h2: h2Options.schema.prefault({}),
          quic: z.record(z.string(), z.unknown()).default({}),
        })
        .prefault({})
        .describe('Every limit and time of every layer; see the reference of each.'),
    })
    .superRefine(checkCombination),
}) as unknown as OptionTable<NodeConfig, NodeOptions>

/** Two implementations of one contract would be two modules under one name. */
function checkApplications(
  applications: readonly Implementation[],
  context: z.RefinementCtx,
): void {
  const seen = new Set<string>()
  for (const [index, { application }] of applications.entries()) {
    if (seen.has(application)) {
      const message = `contract ${application} is implemented twice: implement it once`
      context.addIssue({ code: 'custom', message, path: [index] })
    }
    seen.add(application)
  }
}

/** A record that is larger would not decode at the other members. */
const tagLimits = { count: 32, nameBytes: 64, valueBytes: 256 } as const

function checkTags(tags: Readonly<Record<string, string>>, context: z.RefinementCtx): void {
  const entries = Object.entries(tags)
  const refuse = (message: string, path: string[]): void => {
    context.addIssue({ code: 'custom', message, path })
  }
  const { count, nameBytes, valueBytes } = tagLimits
  if (entries.length > count) refuse(`at most ${count} tags, not ${entries.length}`, [])
  for (const [name, value] of entries.slice(0, count)) {
    if (name === '' || Buffer.byteLength(name) > nameBytes) {
      refuse(`a tag's name has 1 to ${nameBytes} bytes`, [name])
    }
    if (Buffer.byteLength(value) > valueBytes) {
      refuse(`a tag's value has at most ${valueBytes} bytes`, [name])
    }
  }
}

function isLogger(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['debug', 'info', 'warn', 'error', 'child'].every(
      (level) => typeof (value as Record<string, unknown>)[level] === 'function',
    )
  )
}
