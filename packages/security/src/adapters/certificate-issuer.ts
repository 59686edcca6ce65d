/** Issues certificates. Loaded on demand: nothing else imports the library it uses. */
// Must be evaluated before the library.
import 'reflect-metadata'
import { type KeyObject, randomBytes, webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** A key pair for issuing: both halves of P-256. */
export interface IssuingKey {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export interface AuthorityRequest {
  readonly commonName: string
  readonly key: IssuingKey
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

export interface LeafRequest extends AuthorityRequest {
  readonly uri: string
  readonly issuer: IssuingKey
  readonly issuerCommonName: string
}

const curve = { name: 'ECDSA', namedCurve: 'P-256' }
const signing = { name: 'ECDSA', hash: 'SHA-256' }

/** A self-signed CA that may issue leaves and nothing else; PEM. */
export async function issueAuthority(request: AuthorityRequest): Promise<string> {
  const keys = await cryptoKeys(request.key)
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      ...common(request),
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  return `${certificate.toString('pem')}\n`
}

/** A node's certificate with one URI name and both extended usages; PEM. */
export async function issueLeaf(request: LeafRequest): Promise<string> {
  const { publicKey } = await cryptoKeys(request.key)
  const issuer = await cryptoKeys(request.issuer)
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    new SubjectAlternativeNameExtension([{ type: 'url', value: request.uri }]),
    await SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
    await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
  ]
  const certificate = await X509CertificateGenerator.create(
    {
      ...common(request),
      subject: [{ CN: [request.commonName] }],
      issuer: [{ CN: [request.issuerCommonName] }],
      publicKey,
      signingKey: issuer.privateKey,
      extensions,
    },
    webcrypto,
  )
  return `${certificate.toString('pem')}\n`
}

function common(request: AuthorityRequest) {
  return {
    name: [{ CN: [request.commonName] }],
    serialNumber: newSerial(),
    notBefore: new Date(request.notBeforeMs),
    notAfter: new Date(request.notAfterMs),
    signingAlgorithm: signing,
  }
}

// 20 bytes at most, positive, shortest form.
function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40
  return bytes.toString('hex')
}

async function cryptoKeys({ privateKey, publicKey }: IssuingKey): Promise<webcrypto.CryptoKeyPair> {
  const secret = privateKey.export({ type: 'pkcs8', format: 'der' })
  const open = publicKey.export({ type: 'spki', format: 'der' })
  const { subtle } = webcrypto
  return {
    privateKey: await subtle.importKey('pkcs8', secret, curve, false, ['sign']),
    publicKey: await subtle.importKey('spki', open, curve, true, ['verify']),
  }
}
