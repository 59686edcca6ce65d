import { type KeyObject, X509Certificate } from 'node:crypto'
import { type CertificateFields, readCertificateFields } from '../core/certificate-fields.ts'
import { shown } from '../core/leaf-policy.ts'

/** A certificate that parsed, both by node:crypto and by our own strict reader. */
export interface ParsedCertificate {
  readonly der: Uint8Array
  readonly x509: X509Certificate
  readonly fields: CertificateFields
  readonly publicKey: KeyObject
  /** SHA-256 of the DER, 64 lower-case hexadecimal characters. */
  readonly fingerprint: string
  /** Milliseconds since 1970 (UTC). */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly subject: string
  readonly issuer: string
  /** The subject, escaped and cut, for messages. */
  readonly label: string
  /** Names itself as its issuer; in a change of keys that may be another one of its name. */
  readonly selfIssued: boolean
  /** Signed with its own key: a root. */
  readonly selfSigned: boolean
}

/** Largest certificate in bytes; real ones have 500 to 3,000. */
export const certificateBytesMax = 65_536

/** Parses one certificate in DER; undefined when anything about it is malformed. */
export function parseCertificate(der: Uint8Array): ParsedCertificate | undefined {
  if (der.length > certificateBytesMax) return undefined
  const fields = readCertificateFields(der)
  if (fields === undefined) return undefined
  try {
    const x509 = new X509Certificate(der)
    const notBeforeMs = x509.validFromDate.getTime()
    const notAfterMs = x509.validToDate.getTime()
    if (Number.isNaN(notBeforeMs) || Number.isNaN(notAfterMs)) return undefined
    // Node has undefined for an empty name, whatever its types say.
    const subject = ((x509.subject as string | undefined) ?? '').replaceAll('\n', ', ')
    const issuer = ((x509.issuer as string | undefined) ?? '').replaceAll('\n', ', ')
    // Throws for keys that this build of OpenSSL does not know.
    const { publicKey } = x509
    const selfIssued = subject === issuer
    return {
      der,
      x509,
      fields,
      publicKey,
      fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
      notBeforeMs,
      notAfterMs,
      subject,
      issuer,
      label: shown(subject),
      selfIssued,
      selfSigned: selfIssued && isSignedWith(x509, publicKey),
    }
  } catch {
    return undefined
  }
}

/** Whether the key made the signature; false also for a key of another kind. */
export function isSignedWith(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.verify(key)
  } catch {
    return false
  }
}

const curves: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
const rsaBitsMin = 2_048

/** Why the key is too weak or of an unknown kind; undefined when it is good. */
export function keyProblem(key: KeyObject): string | undefined {
  const kind = key.asymmetricKeyType
  const details = key.asymmetricKeyDetails
  if (kind === 'ed25519') return undefined
  if (kind === 'rsa') {
    const bits = details?.modulusLength ?? 0
    return bits >= rsaBitsMin ? undefined : `RSA key has ${bits} bits, ${rsaBitsMin} are needed`
  }
  if (kind === 'ec' && curves.has(details?.namedCurve)) return undefined
  return `key is ${kind ?? 'unknown'} ${details?.namedCurve ?? ''}, use P-256, RSA or Ed25519`
}
