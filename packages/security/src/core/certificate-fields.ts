import { DerReader, derTags, readBoolean, readObjectId, readSmallInteger } from './der-reader.ts'

/** What this package reads of a certificate itself, because it decides about trust. */
export interface CertificateFields {
  /** Object id of the signature's algorithm. */
  readonly signatureAlgorithm: string
  /** The URI subject alternative names, each of printable ASCII without spaces. */
  readonly uris: readonly string[]
  /** Object ids of the extended key usages; undefined when there is no such extension. */
  readonly extendedKeyUsages: readonly string[] | undefined
  /** Whether it is a CA, and how many intermediates may follow it. */
  readonly isAuthority: boolean
  readonly pathLength: number | undefined
  /** Undefined when there is no key usage extension: everything is allowed then. */
  readonly keyUsage: KeyUsage | undefined
  /** Extensions that restrict the certificate in a way which this package does not evaluate. */
  readonly notUnderstood: readonly string[]
}

export interface KeyUsage {
  readonly digitalSignature: boolean
  readonly certificateSign: boolean
}

/** Object ids of the usages that a node's certificate needs. */
export const usageServerAuth = '1.3.6.1.5.5.7.3.1'
export const usageClientAuth = '1.3.6.1.5.5.7.3.2'
export const usageAny = '2.5.29.37.0'

/** Most extensions of a certificate; real ones have about ten. */
export const extensionsMax = 64
/** Most names or usages in one extension. */
export const listItemsMax = 1_024

const keyUsageExtension = '2.5.29.15'
const alternativeNamesExtension = '2.5.29.17'
const basicConstraintsExtension = '2.5.29.19'
const nameConstraintsExtension = '2.5.29.30'
const policiesExtension = '2.5.29.32'
const extendedUsageExtension = '2.5.29.37'
const uriNameTag = 0x86

// Policies are understood in the sense of RFC 5280: any is acceptable here.
const understood: ReadonlySet<string> = new Set([
  keyUsageExtension,
  alternativeNamesExtension,
  basicConstraintsExtension,
  policiesExtension,
  extendedUsageExtension,
])

interface Extension {
  readonly critical: boolean
  readonly value: Uint8Array
}

/**
 * Reads a certificate in DER. Undefined when it is not exactly one well-formed certificate: also
 * with bytes after it, a repeated extension, or a URI with anything but printable ASCII.
 */
export function readCertificateFields(der: Uint8Array): CertificateFields | undefined {
  const outer = new DerReader(der)
  const certificate = outer.enter(derTags.sequence)
  const body = certificate.enter(derTags.sequence)
  const algorithm = certificate.next(derTags.sequence)
  certificate.next(derTags.bitString)
  if (!ended(outer) || !ended(certificate)) return undefined

  if (body.peekTag() === 0xa0) body.next()
  body.next(derTags.integer)
  const signed = body.next(derTags.sequence)
  // Issuer, validity, subject, public key.
  for (let skipped = 0; skipped < 4; skipped++) body.next(derTags.sequence)
  for (const uniqueId of [0x81, 0x82]) if (body.peekTag() === uniqueId) body.next()
  const extensions = readExtensions(body)
  // What the signature covers must name the same algorithm as what surrounds it.
  if (extensions === undefined || !ended(body) || !sameBytes(algorithm.whole, signed.whole)) {
    return undefined
  }
  const signatureAlgorithm = readObjectId(
    new DerReader(algorithm.content).next(derTags.objectId).content,
  )
  if (signatureAlgorithm === undefined) return undefined
  return fieldsOf(signatureAlgorithm, extensions)
}

function fieldsOf(
  signatureAlgorithm: string,
  extensions: ReadonlyMap<string, Extension>,
): CertificateFields | undefined {
  const names = extensions.get(alternativeNamesExtension)
  const usages = extensions.get(extendedUsageExtension)
  const constraints = extensions.get(basicConstraintsExtension)
  const usage = extensions.get(keyUsageExtension)
  const uris = names === undefined ? [] : readUris(names.value)
  const extendedKeyUsages = usages === undefined ? undefined : readObjectIds(usages.value)
  const basic =
    constraints === undefined
      ? { isAuthority: false, pathLength: undefined }
      : readBasicConstraints(constraints.value)
  const keyUsage = usage === undefined ? undefined : readKeyUsage(usage.value)
  if (uris === undefined || basic === undefined) return undefined
  if (usages !== undefined && extendedKeyUsages === undefined) return undefined
  if (usage !== undefined && keyUsage === undefined) return undefined
  const notUnderstood = [...extensions]
    .filter(([id, { critical }]) =>
      id === nameConstraintsExtension ? true : critical && !understood.has(id),
    )
    .map(([id]) => id)
  return { signatureAlgorithm, uris, extendedKeyUsages, ...basic, keyUsage, notUnderstood }
}

function readExtensions(body: DerReader): Map<string, Extension> | undefined {
  const extensions = new Map<string, Extension>()
  if (body.atEnd) return body.failed ? undefined : extensions
  const wrapper = body.enter(0xa3)
  const list = wrapper.enter(derTags.sequence)
  while (!list.atEnd) {
    const entry = list.enter(derTags.sequence)
    const id = readObjectId(entry.next(derTags.objectId).content)
    let critical: boolean | undefined = false
    if (entry.peekTag() === derTags.boolean) critical = readBoolean(entry.next().content)
    const value = entry.next(derTags.octetString).content
    if (!ended(entry) || id === undefined || critical === undefined) return undefined
    if (extensions.has(id) || extensions.size === extensionsMax) return undefined
    extensions.set(id, { critical, value })
  }
  return ended(list) && ended(wrapper) ? extensions : undefined
}

function readUris(value: Uint8Array): string[] | undefined {
  const outer = new DerReader(value)
  const list = outer.enter(derTags.sequence)
  const uris: string[] = []
  for (let count = 0; !list.atEnd; count++) {
    if (count === listItemsMax) return undefined
    const name = list.next()
    if (name.tag !== uriNameTag) continue
    const uri = printableAscii(name.content)
    if (uri === undefined) return undefined
    uris.push(uri)
  }
  return ended(list) && ended(outer) ? uris : undefined
}

function readObjectIds(value: Uint8Array): string[] | undefined {
  const outer = new DerReader(value)
  const list = outer.enter(derTags.sequence)
  const ids: string[] = []
  while (!list.atEnd) {
    const id = readObjectId(list.next(derTags.objectId).content)
    if (id === undefined || ids.length === listItemsMax) return undefined
    ids.push(id)
  }
  return ended(list) && ended(outer) ? ids : undefined
}

function readBasicConstraints(
  value: Uint8Array,
): { isAuthority: boolean; pathLength: number | undefined } | undefined {
  const outer = new DerReader(value)
  const list = outer.enter(derTags.sequence)
  let isAuthority: boolean | undefined = false
  let pathLength: number | undefined
  if (list.peekTag() === derTags.boolean) isAuthority = readBoolean(list.next().content)
  if (list.peekTag() === derTags.integer) {
    pathLength = readSmallInteger(list.next().content)
    if (pathLength === undefined) return undefined
  }
  if (isAuthority === undefined || !ended(list) || !ended(outer)) return undefined
  return { isAuthority, pathLength }
}

function readKeyUsage(value: Uint8Array): KeyUsage | undefined {
  const outer = new DerReader(value)
  const [unused = 8, first = 0] = outer.next(derTags.bitString).content
  if (!ended(outer) || unused > 7) return undefined
  return { digitalSignature: (first & 0x80) !== 0, certificateSign: (first & 0x04) !== 0 }
}

function printableAscii(content: Uint8Array): string | undefined {
  let text = ''
  for (const byte of content) {
    if (byte <= 0x20 || byte >= 0x7f) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

function ended(reader: DerReader): boolean {
  return !reader.failed && reader.atEnd
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at])
}
