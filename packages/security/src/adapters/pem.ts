import { authoritiesMax } from './certificate-chain.ts'
import {
  certificateBytesMax,
  type ParsedCertificate,
  parseCertificate,
} from './parsed-certificate.ts'

const begin = '-----BEGIN CERTIFICATE-----'
const end = '-----END CERTIFICATE-----'
const base64 = /^[A-Za-z0-9+/]+={0,2}$/

/** The certificates of a PEM text in their order, or words for what is wrong with it. */
export function readPemCertificates(text: string): ParsedCertificate[] | string {
  const certificates: ParsedCertificate[] = []
  for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at)) {
    const position = certificates.length + 1
    if (position > authoritiesMax) return `has more than ${authoritiesMax} certificates`
    const stop = text.indexOf(end, at)
    if (stop < 0) return `is cut off: certificate ${position} has no "${end}"`
    const body = text.slice(at + begin.length, stop).replace(/\s+/g, '')
    if (body.length > certificateBytesMax * 2) {
      return `is damaged: certificate ${position} is larger than ${certificateBytesMax} bytes`
    }
    if (!base64.test(body)) {
      return `is damaged: certificate ${position} is not base64 between its markers`
    }
    const certificate = parseCertificate(Buffer.from(body, 'base64'))
    if (certificate === undefined) {
      return `is damaged: certificate ${position} is not a well-formed X.509 certificate`
    }
    certificates.push(certificate)
    at = stop + end.length
  }
  if (certificates.length > 0) return certificates
  return `has no certificate in PEM form ("${begin}")`
}

/** One certificate as PEM, with a line break at the end. */
export function toPem(certificate: ParsedCertificate): string {
  const lines =
    Buffer.from(certificate.der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `${begin}\n${lines.join('\n')}\n${end}\n`
}
