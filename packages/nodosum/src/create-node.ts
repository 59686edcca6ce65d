import { isNodosumError } from '@nodosum/kernel'
import { jsonLogger } from '@nodosum/kernel/node'
import type { Node } from './api.ts'
import { openFirstSession } from './first-session.ts'
import { type NodeOptions, nodeOptions } from './node-options.ts'
import { requireNodeVersion } from './node-version.ts'
import { RunningNode } from './running-node.ts'
import { wireLayers } from './wiring.ts'

/**
 * Starts a node and resolves once it belongs to a formed cluster, and has a session with one of
 * the members, if there are others.
 *
 * What fails leaves nothing behind: no socket, no timer, no file outside `dataDirectory` and, in
 * profile development, the shared directory.
 *
 * @throws `ERR_NODOSUM_CONFIG_INVALID` with every problem at once, or when Node is too old, `LISTEN_FAILED`,
 *   `TRANSPORT_UNAVAILABLE`, `CERT_UNTRUSTED`, `CERT_EXPIRED`, `IDENTITY_MISMATCH`,
 *   `JOIN_TIMEOUT`, `NODE_ID_CONFLICT`, `CANCELLED`
 */
export async function createNode(options: NodeOptions): Promise<Node> {
  requireNodeVersion(process.versions.node)
  const config = nodeOptions.parse(options)
  const logger =
    config.logger ?? jsonLogger({ level: 'warn', write: (line) => void process.stderr.write(line) })
  const layers = await wireLayers(config, logger)
  const { membership, discovery, network, nodeId, bootId } = layers
  try {
    await discovery.announce?.({ nodeId, bootId, address: network.udp.address })
    const { timeoutMs } = config.join
    const { signal } = config
    await membership.start({ timeoutMs, signal })
    await openFirstSession(layers, { timeoutMs, signal })
  } catch (error) {
    // Who has seen this node hears that it is gone; it may not have joined at all.
    if (!isNodosumError(error, 'ERR_NODOSUM_NODE_ID_CONFLICT')) membership.leave()
    await discovery.withdraw?.().catch(() => undefined)
    await layers.undo.run()
    throw error
  }
  return new RunningNode(layers)
}
