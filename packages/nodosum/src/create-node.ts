import { jsonLogger } from '@nodosum/kernel/node'
import { type CallOptions, checkCallOptions } from '@nodosum/kernel/options'
import type { Node } from './api.ts'
import type { Environment } from './environment.ts'
import { nodeConfig } from './node-config.ts'
import type { LogLevel, NodeOptions } from './node-options.ts'
import { systemPorts } from './node-ports.ts'
import { requireNodeVersion } from './node-version.ts'
import { startNode } from './start-node.ts'

const known: CallOptions = new Map([
  [
    'env',
    {
      takes: 'variables by name, such as process.env',
      accepts: (value) => typeof value === 'object' && value !== null,
    },
  ],
])

/**
 * Starts a node and resolves once it belongs to a formed cluster, and has a session with one of
 * the members, if there are others.
 *
 * What fails leaves nothing behind: no socket, no timer, no file outside `dataDirectory` and, in
 * profile development, the shared directory.
 *
 * @param context.env variables that override options: `NODOSUM_LISTEN__PORT=7000` is `listen.port`,
 *   `NODOSUM_GOSSIP_KEYS_FILE` a file with the keys. Without it the environment is never read.
 * @throws `ERR_NODOSUM_CONFIG_INVALID` with every problem at once, or when Node is too old, `LISTEN_FAILED`,
 *   `TRANSPORT_UNAVAILABLE`, `CERT_UNTRUSTED`, `CERT_EXPIRED`, `IDENTITY_MISMATCH`,
 *   `JOIN_TIMEOUT`, `NODE_ID_CONFLICT`, `CANCELLED`
 */
export async function createNode(
  options: NodeOptions,
  context?: { readonly env?: Environment | undefined },
): Promise<Node>
export async function createNode(
  options: Partial<NodeOptions>,
  context: { readonly env: Environment },
): Promise<Node>
export async function createNode(
  options: Partial<NodeOptions>,
  context: { readonly env?: Environment | undefined } = {},
): Promise<Node> {
  requireNodeVersion(process.versions.node)
  checkCallOptions('createNode(options, context)', context, known)
  const config = nodeConfig(options, context.env)
  if (config.logger !== undefined) {
    const { node } = await startNode(config, config.logger, systemPorts())
    return node
  }
  let level: LogLevel = config.logLevel ?? 'warn'
  const write = (line: string): void => void process.stderr.write(line)
  const logger = jsonLogger({ level: () => level, write })
  const setLogLevel = (next: LogLevel): void => {
    level = next
  }
  const { node } = await startNode(config, logger, { ...systemPorts(), setLogLevel })
  return node
}
