import { isNodosumError, type Logger } from '@nodosum/kernel'
import { openFirstSession } from './first-session.ts'
import type { NodeConfig } from './node-options.ts'
import type { NodePorts } from './node-ports.ts'
import { RunningNode } from './running-node.ts'
import { type Layers, wireLayers } from './wiring.ts'

/** Wires a node and resolves once it has joined. What fails leaves nothing behind. */
export async function startNode(
  config: NodeConfig,
  logger: Logger,
  ports: NodePorts,
): Promise<{ readonly node: RunningNode; readonly layers: Layers }> {
  const layers = await wireLayers(config, logger, ports)
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
  return { node: new RunningNode(layers), layers }
}
