import { createPrivateKey, type KeyObject } from 'node:crypto'
import { type ClusterName, type NodeId, NodosumError } from '@nodosum/kernel'
import { authorityRefusal, checkLeaf, type Refusal } from '../core/leaf-policy.ts'
import type { Identity, IdentityMatch } from '../ports.ts'
import { chainLengthMax, chainRefusal } from './certificate-chain.ts'
import type { ParsedCertificate } from './parsed-certificate.ts'
import { readPemCertificates, toPem } from './pem.ts'
import { type PemText, readPemSource } from './pem-source.ts'

/** Where certificate, key and CA come from: each either as a file or as PEM text. */
export interface IdentitySource {
  /** The leaf first, then the intermediates. `tls.crt` of cert-manager. */
  readonly certificateFile?: string | undefined
  /** Not encrypted. `tls.key` of cert-manager. */
  readonly keyFile?: string | undefined
  /** The roots to trust, at most 64. `ca.crt` of cert-manager. */
  readonly caFile?: string | undefined
  readonly certificate?: string | undefined
  readonly key?: string | undefined
  readonly ca?: string | undefined
  readonly match: IdentityMatch
}

/** What the certificate has to fit. */
export interface IdentityContext {
  readonly cluster: ClusterName
  /** Wall clock, in milliseconds since 1970. */
  readonly wallMs: number
  /** With `match: 'node'`: the node that the certificate has to name, when that is known. */
  readonly nodeId?: NodeId | undefined
}

/**
 * Reads certificate, key and CA, and checks everything that peers will check, so that a wrong one
 * fails here, with the name of the file, and not in a handshake.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID a file cannot be read, is no PEM, or the key does not fit
 * @throws ERR_NODOSUM_CERT_UNTRUSTED no path to the CA, a usage missing, not exactly one URI name
 * @throws ERR_NODOSUM_CERT_EXPIRED expired or not valid yet, the certificate or one above it
 * @throws ERR_NODOSUM_IDENTITY_MISMATCH it names another cluster, another node, or no node
 */
export async function loadIdentity(
  source: IdentitySource,
  context: IdentityContext,
): Promise<Identity> {
  const [certificatePem, keyPem, caPem] = await Promise.all([
    readPemSource('certificate', source.certificateFile, source.certificate),
    readPemSource('key', source.keyFile, source.key),
    readPemSource('ca', source.caFile, source.ca),
  ])
  const chain = certificatesIn(certificatePem)
  const authorities = certificatesIn(caPem)
  const [leaf, ...presented] = chain
  const key = privateKeyIn(keyPem)
  requireKeyFits(chain, certificatePem, key, keyPem)
  if (chain.length > chainLengthMax) {
    throw invalid(certificatePem, `has ${chain.length} certificates, at most ${chainLengthMax} fit`)
  }
  // Its issuer is itself: what is wrong with its path would lead astray.
  const usage = authorityRefusal(leaf.fields)
  if (usage !== undefined) throw refused(certificatePem, usage)
  const refusal = chainRefusal({ leaf, presented, authorities, nowMs: context.wallMs })
  if (refusal !== undefined) throw refused(certificatePem, refusal, `CA: ${caPem.where}`)
  const { cluster, nodeId } = context
  const { match } = source
  const demands = { cluster, match, trustDomain: undefined, acceptedUris: undefined }
  const name = checkLeaf(leaf.fields, demands)
  if ('problem' in name) throw refused(certificatePem, name)
  if (match === 'node' && nodeId !== undefined && name.nodeId !== nodeId) {
    const problem =
      `names the node ${name.nodeId}, but this node is ${nodeId}; ` +
      'correct `nodeId` or give it its own certificate'
    throw refused(certificatePem, { code: 'ERR_NODOSUM_IDENTITY_MISMATCH', problem })
  }
  return {
    // Peers have their own roots; one that is presented is dead weight in every handshake.
    certificatePem: chain
      .filter((one) => one === leaf || !one.selfSigned)
      .map(toPem)
      .join(''),
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    caPem: authorities.map(toPem).join(''),
    nodeId: name.nodeId,
    uri: name.uri,
    notAfterMs: leaf.notAfterMs,
  }
}

type Certificates = [ParsedCertificate, ...ParsedCertificate[]]

function certificatesIn(pem: PemText): Certificates {
  const certificates = readPemCertificates(pem.text)
  if (typeof certificates === 'string') throw invalid(pem, certificates)
  return certificates as Certificates
}

function privateKeyIn(pem: PemText): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(pem.text)) {
    throw invalid(pem, 'is encrypted; write it without passphrase: openssl pkey -in KEY -out PLAIN')
  }
  try {
    return createPrivateKey(pem.text)
  } catch {
    // The reason of OpenSSL is a decoder's name; it helps nobody and must not quote the key.
    throw invalid(pem, 'is no private key in PEM form ("-----BEGIN PRIVATE KEY-----")')
  }
}

function requireKeyFits(
  chain: Certificates,
  certificatePem: PemText,
  key: KeyObject,
  keyPem: PemText,
): void {
  if (chain[0].x509.checkPrivateKey(key)) return
  const other = chain.findIndex((certificate) => certificate.x509.checkPrivateKey(key))
  throw invalid(
    keyPem,
    other > 0
      ? `belongs to certificate ${other + 1} of ${certificatePem.where}; the node's own must be first`
      : `does not belong to the certificate of ${certificatePem.where} (${chain[0].label}); ` +
          'give the two that were issued together',
  )
}

function invalid(pem: PemText, problem: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', `${pem.where} ${problem}.`, {
    details: { source: pem.where },
  })
}

function refused(pem: PemText, { code, problem }: Refusal, more?: string): NodosumError {
  const tail = more === undefined ? '' : ` (${more})`
  return new NodosumError(code, `${pem.where}: the certificate ${problem}${tail}.`, {
    details: { source: pem.where },
  })
}
