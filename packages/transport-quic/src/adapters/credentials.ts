import { createPrivateKey, X509Certificate } from 'node:crypto'
import { NodosumError } from '@nodosum/kernel'
import type { TransportCredentials } from '@nodosum/transport'

/**
 * The binding takes a certificate or CA that it cannot parse, and a key of another certificate,
 * without a word; only the handshake would fail later.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID naming the part that cannot be used, never quoting it
 */
export function checkCredentials(credentials: TransportCredentials): void {
  const certificate = parsed('certificate', () => new X509Certificate(credentials.certificatePem))
  const key = parsed('private key', () => createPrivateKey(credentials.keyPem))
  parsed('CA', () => new X509Certificate(credentials.caPem))
  if (!certificate.checkPrivateKey(key)) {
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      'QUIC cannot use the credentials: the private key does not belong to the certificate',
    )
  }
}

/** Without the parser's own words as cause: some quote what they could not read. */
function parsed<Value>(what: string, parse: () => Value): Value {
  try {
    return parse()
  } catch {
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `QUIC cannot use the credentials: the ${what} is not PEM that can be read`,
    )
  }
}
