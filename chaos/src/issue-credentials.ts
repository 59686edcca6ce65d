import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseClusterName, parseNodeId } from '@nodosum/kernel'
import { developmentIdentity } from '@nodosum/security'
import { generateGossipKey } from 'nodosum'

/** Certificates of all nodes of the cluster "chaos", before any starts, as those who run one do. */
export async function issueCredentials(directory: string, ids: readonly string[]): Promise<void> {
  const cluster = parseClusterName('chaos')
  for (const id of ids) {
    const nodeId = parseNodeId(id)
    const identity = await developmentIdentity({ directory, cluster, nodeId, wallMs: Date.now() })
    writeFileSync(join(directory, `${id}.crt`), identity.certificatePem)
    writeFileSync(join(directory, `${id}.key`), identity.keyPem, { mode: 0o600 })
    writeFileSync(join(directory, 'ca.crt'), identity.caPem)
  }
  writeFileSync(join(directory, 'gossip.key'), generateGossipKey(), { mode: 0o600 })
}
