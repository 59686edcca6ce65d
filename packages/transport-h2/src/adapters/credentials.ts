import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { NodosumError } from '@nodosum/kernel'
import { checkCredentials, type TransportCredentials } from '@nodosum/transport'

/**
 * TLS 1.3 with these credentials. Every part is parsed first: without a CA, Node would trust its
 * built-in ones.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID naming the part that cannot be used, never quoting it
 */
export function secureContextOf(credentials: TransportCredentials): SecureContext {
  checkCredentials('HTTP/2', credentials)
  return parsed('certificate chain or CA', () => createSecureContext(tlsOptionsOf(credentials)))
}

/** What Node's TLS is given. */
export function tlsOptionsOf(
  credentials: TransportCredentials,
): Pick<SecureContextOptions, 'cert' | 'key' | 'ca' | 'minVersion' | 'maxVersion'> {
  const { certificatePem, keyPem, caPem } = credentials
  return {
    cert: certificatePem,
    key: keyPem,
    ca: caPem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
  }
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The certificates that this node presents beside its own, in DER. */
export function intermediatesOf({ certificatePem }: TransportCredentials): readonly Uint8Array[] {
  const [, ...further] = certificatePem.match(pemCertificate) ?? []
  return further.map((pem) => parsed('certificate chain', () => new X509Certificate(pem).raw))
}

/** Without the parser's own words as cause: some quote what they could not read. */
function parsed<Value>(what: string, parse: () => Value): Value {
  try {
    return parse()
  } catch {
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `HTTP/2 cannot use the credentials: the ${what} is not PEM that can be read`,
    )
  }
}
