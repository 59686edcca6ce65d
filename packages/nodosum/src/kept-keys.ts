import { join } from 'node:path'
import type { Logger } from '@nodosum/kernel'
import { GossipKeyRing, KeptKeyRing } from '@nodosum/security'
import type { Credentials } from './credentials.ts'
import type { NodeConfig } from './node-options.ts'

/** The keys of the options, and what the cluster has made of them as far as it is kept. */
export async function keptKeys(
  config: NodeConfig,
  credentials: Credentials,
  logger: Logger,
): Promise<KeptKeyRing> {
  const { dataDirectory } = config
  const path = dataDirectory === undefined ? null : join(dataDirectory, 'gossip-keys')
  const kept = new KeptKeyRing(new GossipKeyRing(credentials.gossipKeys), path)
  const damage = await kept.restore()
  if (damage !== null) {
    logger.warn(
      { event: 'gossip_keys.damaged', error_code: damage.code, err: damage },
      damage.message,
    )
  }
  const dead = credentials.gossipKeys.filter(({ id }) => kept.ring.find(id) === undefined)
  for (const { id } of dead) {
    const message = `gossipKeys names the key ${id}, which the cluster has removed: take it out`
    logger.warn({ event: 'gossip_keys.outdated', key_id: id }, message)
  }
  return kept
}
