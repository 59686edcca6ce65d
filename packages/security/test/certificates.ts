/** Issues good and bad certificates for tests. */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

export const dayMs = 86_400_000
export const nowMs: number = Date.UTC(2030, 0, 15)

type Keys = webcrypto.CryptoKeyPair

export interface Issued {
  readonly certificate: x509.X509Certificate
  readonly keys: Keys
  readonly der: Uint8Array
  readonly pem: string
  readonly keyPem: string
}

export interface Plan {
  readonly subject?: string
  readonly issuer?: Issued
  readonly keys?: Keys
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly usages?: readonly string[] | null
  readonly ca?: boolean
  readonly pathLength?: number
  readonly keyUsage?: number | null
  readonly hash?: string
  readonly extra?: readonly x509.Extension[]
}

export const serverAuth = '1.3.6.1.5.5.7.3.1'
export const clientAuth = '1.3.6.1.5.5.7.3.2'
export const keyUsages: typeof x509.KeyUsageFlags = x509.KeyUsageFlags
export const shopUri = 'spiffe://example.org/nodosum/shop/shop-1'

export async function newKeys(curve = 'P-256'): Promise<Keys> {
  const algorithm = { name: 'ECDSA', namedCurve: curve }
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

/** Keys for a subject; certificates are signed with ECDSA only. */
export async function newRsaKeys(modulusLength: number): Promise<Keys> {
  const publicExponent = Uint8Array.of(1, 0, 1)
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength, publicExponent }
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

let serial = 1

export async function issue(plan: Plan = {}): Promise<Issued> {
  const { issuer, ca = false } = plan
  const keys = plan.keys ?? (await newKeys())
  const names = [
    ...(plan.uris ?? (ca ? [] : [shopUri])).map((value) => ({ type: 'url' as const, value })),
    ...(plan.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
  ]
  const usages = plan.usages === undefined ? (ca ? null : [serverAuth, clientAuth]) : plan.usages
  const flags =
    plan.keyUsage === undefined
      ? ca
        ? x509.KeyUsageFlags.keyCertSign
        : x509.KeyUsageFlags.digitalSignature
      : plan.keyUsage
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(ca, plan.pathLength, true),
    ...(flags === null ? [] : [new x509.KeyUsagesExtension(flags, true)]),
    ...(usages === null ? [] : [new x509.ExtendedKeyUsageExtension([...usages])]),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ...(plan.extra ?? []),
  ]
  serial += 1
  const subject = plan.subject ?? (ca ? 'CN=Test CA' : 'CN=shop-1')
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject,
      issuer: issuer === undefined ? subject : issuer.certificate.subject,
      serialNumber: serial.toString(16).padStart(4, '0'),
      notBefore: new Date(plan.notBeforeMs ?? nowMs - dayMs),
      notAfter: new Date(plan.notAfterMs ?? nowMs + dayMs),
      signingAlgorithm: { name: 'ECDSA', hash: plan.hash ?? 'SHA-256' },
      publicKey: keys.publicKey,
      signingKey: (issuer?.keys ?? keys).privateKey,
      extensions,
    },
    webcrypto,
  )
  const secret = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    certificate,
    keys,
    der: new Uint8Array(certificate.rawData),
    pem: `${certificate.toString('pem')}\n`,
    keyPem: pemOf('PRIVATE KEY', new Uint8Array(secret)),
  }
}

export function pemOf(label: string, der: Uint8Array): string {
  const body = Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
}

/** An extension with any content, also a wrong one. */
export function extension(id: string, critical: boolean, value: Uint8Array): x509.Extension {
  return new x509.Extension(id, critical, Uint8Array.from(value))
}

export async function namesOwnKey(keys: Keys): Promise<x509.Extension> {
  return x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto)
}

export async function namesIssuerKey(keys: Keys): Promise<x509.Extension> {
  return x509.AuthorityKeyIdentifierExtension.create(keys.publicKey, false, webcrypto)
}
