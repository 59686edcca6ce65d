import { createPrivateKey, X509Certificate } from 'node:crypto'
import { NodosumError } from '@nodosum/kernel'
import type { TransportCredentials } from '../contract.ts'

/**
 * Credentials that cannot be used are refused before anybody dials with them: engines of TLS take
 * some of them without a word, or trust their built-in CAs when there is none.
 *
 * @param protocol whose words the error begins with, such as `QUIC`
 * @throws ERR_NODOSUM_CONFIG_INVALID naming the part that cannot be used, never quoting it
 */
export function checkCredentials(protocol: string, credentials: TransportCredentials): void {
  const parsed = <Value>(what: string, parse: () => Value): Value => {
    try {
      return parse()
    } catch {
      // Without the parser's own words as cause: some quote what they could not read.
      throw unusable(protocol, `the ${what} is not PEM that can be read`)
    }
  }
  const certificate = parsed('certificate', () => new X509Certificate(credentials.certificatePem))
  const key = parsed('private key', () => createPrivateKey(credentials.keyPem))
  parsed('CA', () => new X509Certificate(credentials.caPem))
  if (certificate.checkPrivateKey(key)) return
  throw unusable(protocol, 'the private key does not belong to the certificate')
}

function unusable(protocol: string, why: string): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `${protocol} cannot use the credentials: ${why}`,
  )
}
