import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { NodosumError } from '@nodosum/kernel'

/** PEM texts of this node's identity. */
export interface H2Credentials {
  /** Leaf first, then intermediates. */
  readonly certificatePem: string
  /** PKCS #8. */
  readonly keyPem: string
  /** One or more CA certificates that peers must chain to. */
  readonly caPem: string
}

/**
 * TLS 1.3 with these credentials. Every part is parsed first: without a CA, Node would trust its
 * built-in ones.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID naming the part that cannot be used, never quoting it
 */
export function secureContextOf(credentials: H2Credentials): SecureContext {
  const { certificatePem, keyPem, caPem } = credentials
  const certificate = parsed('certificate', () => new X509Certificate(certificatePem))
  const key = parsed('private key', () => createPrivateKey(keyPem))
  parsed('CA', () => new X509Certificate(caPem))
  if (!certificate.checkPrivateKey(key)) {
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      'HTTP/2 cannot use the credentials: the private key does not belong to the certificate',
    )
  }
  return parsed('certificate chain or CA', () => createSecureContext(tlsOptionsOf(credentials)))
}

/** What Node's TLS is given. */
export function tlsOptionsOf(
  credentials: H2Credentials,
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
export function intermediatesOf({ certificatePem }: H2Credentials): readonly Uint8Array[] {
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
