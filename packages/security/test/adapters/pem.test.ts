import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ParsedCertificate } from '../../src/adapters/parsed-certificate.ts'
import { readPemCertificates, toPem } from '../../src/adapters/pem.ts'
import { type Issued, issue, pemOf } from '../certificates.ts'

let one: Issued
let two: Issued

beforeAll(async () => {
  one = await issue({ ca: true })
  two = await issue({ issuer: one })
})

function certificatesOf(text: string): ParsedCertificate[] {
  const found = readPemCertificates(text)
  if (typeof found === 'string') throw new Error(found)
  return found
}

function dersOf(text: string): string[] {
  return certificatesOf(text).map(({ der }) => Buffer.from(der).toString('hex'))
}

const hex = ({ der }: Issued): string => Buffer.from(der).toString('hex')

describe('certificates in PEM', () => {
  it('are read in their order, whatever stands between them', () => {
    expect(dersOf(one.pem + two.pem)).toEqual([hex(one), hex(two)])
    expect(dersOf(`# two\n${two.pem}\n\n${two.keyPem}text ${one.pem}`)).toEqual([
      hex(two),
      hex(one),
    ])
  })

  it('are read with any line breaks, and none', () => {
    expect(dersOf(one.pem.replaceAll('\n', '\r\n'))).toEqual([hex(one)])
    expect(dersOf(one.pem.replaceAll('\n', ''))).toEqual([hex(one)])
  })

  it('are written so that they read back the same, in lines of at most 64 characters', () => {
    const text = certificatesOf(one.pem + two.pem)
      .map(toPem)
      .join('')
    expect(dersOf(text)).toEqual([hex(one), hex(two)])
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(64)
  })

  it.each([
    ['nothing', () => '', 'has no certificate'],
    ['a key', () => one.keyPem, 'has no certificate'],
    ['a cut certificate', () => one.pem.slice(0, 100), 'certificate 1 has no'],
    ['a second one that is cut', () => one.pem + two.pem.slice(0, -20), 'certificate 2 has no'],
    ['no base64', () => one.pem.replace('MII', 'M*I'), 'certificate 1 is not base64'],
    ['an empty one', () => pemOf('CERTIFICATE', new Uint8Array(0)), 'is not base64'],
    ['other bytes', () => pemOf('CERTIFICATE', Uint8Array.of(1, 2, 3)), 'not a well-formed'],
    ['a huge one', () => pemOf('CERTIFICATE', new Uint8Array(100_000)), 'larger than 65536 bytes'],
    ['too many', () => one.pem.repeat(65), 'more than 64'],
  ])('with %s are refused in words', (_, text, words) => {
    expect(readPemCertificates(text())).toContain(words)
  })

  it('never make it throw, whatever is changed, cut or doubled', () => {
    const piece = fc.oneof(
      fc.constantFrom('-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '\n', 'AAAA'),
      fc.string({ maxLength: 40 }),
    )
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat({ max: 40 }),
        fc.array(piece, { maxLength: 6 }),
        (at, cut, put) => {
          const whole = one.pem + two.pem
          const start = at % whole.length
          const text = whole.slice(0, start) + put.join('') + whole.slice(start + cut)
          const found = readPemCertificates(text)
          if (typeof found === 'string') expect(found).toMatch(/^(has|is) /)
          else expect(found.length).toBeGreaterThan(0)
        },
      ),
      { numRuns: 500 },
    )
  })
})
