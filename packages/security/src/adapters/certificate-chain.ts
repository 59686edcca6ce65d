import { usageAny, usageClientAuth, usageServerAuth } from '../core/certificate-fields.ts'
import { type Refusal, shown } from '../core/leaf-policy.ts'
import { isSignedWith, keyProblem, type ParsedCertificate } from './parsed-certificate.ts'

/** Most certificates from leaf to root, both included, and most that a peer may present. */
export const chainLengthMax = 5
/** Most CAs in one `caPem`. */
export const authoritiesMax = 64

// A search through same-named CAs ends here, whatever a peer presents.
const signatureChecksMax = 128

const signatureAlgorithms: ReadonlySet<string> = new Set([
  '1.2.840.10045.4.3.2', // ECDSA with SHA-256, 384, 512
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.2.840.113549.1.1.11', // RSA with SHA-256, 384, 512
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.3.101.112', // Ed25519
])

export interface ChainInput {
  readonly leaf: ParsedCertificate
  /** Other certificates that were presented; none of them is trusted by itself. */
  readonly presented: readonly ParsedCertificate[]
  /** The configured CAs. The path must end in a self-signed one of these. */
  readonly authorities: readonly ParsedCertificate[]
  readonly nowMs: number
}

/**
 * Looks for a path from the leaf to a self-signed configured CA in which every certificate is
 * signed by the next, valid now, and allowed to do what it does. Undefined when there is one.
 */
export function chainRefusal(input: ChainInput): Refusal | undefined {
  const weak = weakness(input.leaf, false)
  if (weak !== undefined) return { code: 'ERR_NODOSUM_CERT_UNTRUSTED', problem: weak }
  const search = new PathSearch(input)
  if (search.reachesRoot(input.leaf, [])) return dateRefusal(input.leaf, input.nowMs, 'it')
  return search.refusal()
}

class PathSearch {
  readonly #input: ChainInput
  readonly #roots: ReadonlySet<string>
  #checksLeft = signatureChecksMax
  #dates: Refusal | undefined
  #closest: string | undefined

  constructor(input: ChainInput) {
    this.#input = input
    this.#roots = new Set(
      input.authorities
        .filter((authority) => authority.selfSigned)
        .map((authority) => authority.fingerprint),
    )
  }

  reachesRoot(subject: ParsedCertificate, below: readonly ParsedCertificate[]): boolean {
    const path = [...below, subject]
    if (path.length >= chainLengthMax) {
      this.#closest ??= `needs more than ${chainLengthMax} certificates to reach a root`
      return false
    }
    for (const issuer of [...this.#input.authorities, ...this.#input.presented]) {
      if (!this.#signed(subject, issuer, path)) continue
      if (this.#roots.has(issuer.fingerprint) || this.reachesRoot(issuer, path)) return true
    }
    return false
  }

  refusal(): Refusal {
    if (this.#dates !== undefined) return this.#dates
    const { leaf } = this.#input
    const problem =
      this.#closest ??
      `was issued by ${shown(leaf.issuer)}, which is not among the configured CAs; issue it from one of ` +
        'them, present the intermediates after the leaf, and configure the root'
    return { code: 'ERR_NODOSUM_CERT_UNTRUSTED', problem }
  }

  #signed(
    subject: ParsedCertificate,
    issuer: ParsedCertificate,
    path: readonly ParsedCertificate[],
  ): boolean {
    if (path.some((earlier) => earlier.fingerprint === issuer.fingerprint)) return false
    if (subject.issuer !== issuer.subject || this.#checksLeft === 0) return false
    this.#checksLeft -= 1
    if (!isSignedWith(subject.x509, issuer.publicKey)) return false
    // OpenSSL also refuses an issuer for what it may not do; ask ours first, it has the words.
    const problem =
      issuerProblem(issuer, path, this.#roots.has(issuer.fingerprint)) ?? mismatch(subject, issuer)
    if (problem !== undefined) {
      this.#closest = `was issued by ${issuer.label}, which ${problem}`
      return false
    }
    const dates = dateRefusal(issuer, this.#input.nowMs, `its issuer ${issuer.label}`)
    this.#dates ??= dates
    return dates === undefined
  }
}

function mismatch(subject: ParsedCertificate, issuer: ParsedCertificate): string | undefined {
  if (subject.x509.checkIssued(issuer.x509)) return undefined
  return 'has another name or key identifier than the certificate gives for its issuer'
}

/** `path` is what the issuer stands above, leaf first. */
function issuerProblem(
  issuer: ParsedCertificate,
  path: readonly ParsedCertificate[],
  isRoot: boolean,
): string | undefined {
  const { fields } = issuer
  if (!fields.isAuthority) return 'is not a CA'
  if (fields.keyUsage?.certificateSign === false) return 'may not sign certificates'
  const intermediates = path.slice(1).filter((certificate) => !certificate.selfIssued).length
  if (fields.pathLength !== undefined && intermediates > fields.pathLength) {
    return `allows only ${fields.pathLength} intermediates below it`
  }
  if (fields.notUnderstood.length > 0) {
    return `has restrictions that are not supported: ${fields.notUnderstood.join(', ')}`
  }
  const usages = fields.extendedKeyUsages
  const usable =
    usages === undefined ||
    usages.includes(usageAny) ||
    (usages.includes(usageServerAuth) && usages.includes(usageClientAuth))
  if (!usable) return 'may not issue for serverAuth and clientAuth'
  return weakness(issuer, isRoot)
}

function weakness(certificate: ParsedCertificate, isRoot: boolean): string | undefined {
  const key = keyProblem(certificate.publicKey)
  if (key !== undefined) return `is too weak: ${key}`
  // Nobody relies on the signature that a root puts under itself.
  if (isRoot) return undefined
  const algorithm = certificate.fields.signatureAlgorithm
  return signatureAlgorithms.has(algorithm)
    ? undefined
    : `is signed with an algorithm that is not accepted (${algorithm}); use SHA-256 or stronger`
}

function dateRefusal(
  certificate: ParsedCertificate,
  nowMs: number,
  who: string,
): Refusal | undefined {
  const { notBeforeMs, notAfterMs } = certificate
  if (nowMs >= notBeforeMs && nowMs <= notAfterMs) return undefined
  const problem =
    nowMs < notBeforeMs
      ? `is not valid yet: ${who} begins ${time(notBeforeMs)}, the clock here says ${time(nowMs)}; ` +
        'check the clocks of both machines'
      : `is expired: ${who} ended ${time(notAfterMs)}, the clock here says ${time(nowMs)}; renew it`
  return { code: 'ERR_NODOSUM_CERT_EXPIRED', problem }
}

function time(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString()
}
