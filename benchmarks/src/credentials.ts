import { join } from 'node:path'
import type { CommonConnectionOptions, ConnectionOptions, SecureContextOptions } from 'node:tls'
import { type ClusterName, parseClusterName, parseNodeId } from '@nodosum/kernel'
import { developmentIdentity, type Identity } from '@nodosum/security'

export const cluster: ClusterName = parseClusterName('benchmark')

/** A certificate of the pair's own CA. */
export function credentialsOf(directory: string, nodeId: string): Promise<Identity> {
  return developmentIdentity({
    directory: join(directory, 'authority'),
    cluster,
    nodeId: parseNodeId(nodeId),
    wallMs: Date.now(),
  })
}

type TlsOptions = SecureContextOptions &
  CommonConnectionOptions &
  Pick<ConnectionOptions, 'checkServerIdentity'>

/** What `node:tls` takes. TLS 1.3, like Nodosum's own. */
export async function tlsOptionsOf(directory: string, nodeId: string): Promise<TlsOptions> {
  const { certificatePem, keyPem, caPem } = await credentialsOf(directory, nodeId)
  return {
    cert: certificatePem,
    key: keyPem,
    ca: caPem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    // Certificates of nodes have no host names.
    checkServerIdentity: () => undefined,
  }
}
