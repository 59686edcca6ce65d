import { isNodeId, type Logger, silentLogger } from '@nodosum/kernel'
import { defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'
import type { Node } from '../api.ts'
import type { NodeOptions } from '../node-options.ts'
import type { NetworkQuality } from './memory-network.ts'

/** What a node of a test cluster takes of the options of `createNode`; the cluster decides the rest. */
export type TestNodeOptions = Omit<
  NodeOptions,
  | 'cluster'
  | 'nodeId'
  | 'profile'
  | 'listen'
  | 'advertise'
  | 'discovery'
  | 'join'
  | 'identity'
  | 'gossipKeys'
  | 'transport'
  | 'dataDirectory'
  | 'developmentDirectory'
>

/** What `createTestCluster` takes. */
export interface TestClusterOptions {
  /** How many nodes, called `node-1` and so on, or their ids. Default 3. */
  readonly nodes?: number | readonly string[] | undefined
  /** Called with each node when it has joined, and again with the new one after a `restart`. */
  readonly applications?: ((node: Node) => void | Promise<void>) | undefined
  /**
   * `real` (default): the machine's clock, with quick membership, so that a killed node is known to be
   * dead after about two seconds. `virtual`: time stands still unless the cluster is told to move
   * it, the defaults of production hold, and the same seed gives the same run.
   */
  readonly time?: 'real' | 'virtual' | undefined
  /** Decides everything that is drawn. Default 1. */
  readonly seed?: number | string | undefined
  /** Of the network; default 1 ms in each direction, and nothing lost. */
  readonly network?: NetworkQuality | undefined
  /** Further options of every node, or of the one with this id. */
  readonly options?: TestNodeOptions | ((nodeId: string) => TestNodeOptions) | undefined
  /**
   * How long nodes may take to join, and what waits unless told, in milliseconds. Default 30,000; in
   * virtual time 300,000.
   */
  readonly timeoutMs?: number | undefined
  /** Sends and deliveries that are written down. Default 100,000; more make the account fail. */
  readonly ledgerMax?: number | undefined
  /** Default: silent. */
  readonly logger?: Logger | undefined
}

export interface TestClusterConfig {
  readonly nodes: number | readonly string[]
  readonly applications?: TestClusterOptions['applications']
  readonly time: 'real' | 'virtual'
  readonly seed: number | string
  readonly network: NetworkQuality
  readonly options: (nodeId: string) => TestNodeOptions
  readonly timeoutMs?: number | undefined
  readonly ledgerMax: number
  readonly logger: Logger
}

/** Nodes of one test cluster: each has an address of its own. */
const nodesMax = 200

const share = z.number().min(0).max(1).optional()
const milliseconds = z.number().min(0).max(60_000).optional()

export const testClusterOptions: OptionTable<TestClusterConfig> = defineOptions({
  name: 'createTestCluster',
  schema: z.strictObject({
    nodes: z
      .union([
        z.number().int().min(1).max(nodesMax),
        z
          .array(z.string().refine(isNodeId, 'a node id: 1 to 64 characters of A-Z a-z 0-9 . _ -'))
          .min(1)
          .max(nodesMax)
          .refine((ids) => new Set(ids).size === ids.length, 'each node has its own id'),
      ])
      .default(3),
    applications: z
      .custom<NonNullable<TestClusterOptions['applications']>>(
        isFunction,
        'a function that is given a node and registers its handlers',
      )
      .optional(),
    time: z.enum(['real', 'virtual']).default('real'),
    seed: z.union([z.number(), z.string()]).default(1),
    network: z
      .strictObject({
        delayMs: milliseconds,
        jitterMs: milliseconds,
        loss: share,
        duplication: share,
        reordering: share,
      })
      .default({}),
    options: z
      .union([z.custom<(nodeId: string) => TestNodeOptions>(isFunction), z.looseObject({})])
      .default({})
      .transform((given) => (isFunction(given) ? given : () => given) as (id: string) => object),
    timeoutMs: duration({
      min: 100,
      max: 3_600_000,
      description: 'How long nodes may take to join, and what waits unless told.',
    }).optional(),
    ledgerMax: integer({
      default: 100_000,
      min: 1,
      max: 10_000_000,
      description: 'Sends and deliveries that are written down.',
    }),
    logger: z.custom<Logger>((value) => typeof value === 'object').default(silentLogger),
  }),
}) as unknown as OptionTable<TestClusterConfig>

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}
