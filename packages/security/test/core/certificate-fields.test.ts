import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type CertificateFields,
  extensionsMax,
  listItemsMax,
  readCertificateFields,
} from '../../src/core/certificate-fields.ts'
import {
  clientAuth,
  extension,
  type Issued,
  issue,
  keyUsages,
  type Plan,
  serverAuth,
  shopUri,
} from '../certificates.ts'

let ca: Issued
let good: Issued

beforeAll(async () => {
  ca = await issue({ ca: true, pathLength: 3 })
  good = await issue({ issuer: ca, dns: ['shop-1.internal'] })
})

async function fieldsOf(plan: Plan): Promise<CertificateFields | undefined> {
  return readCertificateFields((await issue({ issuer: ca, ...plan })).der)
}

const der = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

describe('the fields of a certificate', () => {
  it('of a node are its names, usages and algorithm', () => {
    expect(readCertificateFields(good.der)).toEqual({
      signatureAlgorithm: '1.2.840.10045.4.3.2',
      uris: [shopUri],
      extendedKeyUsages: [serverAuth, clientAuth],
      isAuthority: false,
      pathLength: undefined,
      keyUsage: { digitalSignature: true, certificateSign: false },
      notUnderstood: [],
    })
  })

  it('of a CA tell that it is one, and how long a path it allows', () => {
    expect(readCertificateFields(ca.der)).toMatchObject({
      isAuthority: true,
      pathLength: 3,
      uris: [],
      extendedKeyUsages: undefined,
      keyUsage: { digitalSignature: false, certificateSign: true },
    })
  })

  it('tell a missing usage from an empty one', async () => {
    expect(await fieldsOf({ keyUsage: null, usages: null, uris: [] })).toMatchObject({
      keyUsage: undefined,
      extendedKeyUsages: undefined,
      uris: [],
    })
    const both = keyUsages.digitalSignature | keyUsages.keyCertSign
    expect(await fieldsOf({ keyUsage: both })).toMatchObject({
      keyUsage: { digitalSignature: true, certificateSign: true },
    })
  })

  it('name the restrictions that are not understood: critical ones, and name constraints', async () => {
    const extra = [
      extension('1.2.3.4', true, der('0500')),
      extension('1.2.3.5', false, der('0500')),
      extension('2.5.29.30', false, der('3000')),
      extension('2.5.29.32', true, der('3000')),
    ]
    expect((await fieldsOf({ extra }))?.notUnderstood).toEqual(['1.2.3.4', '2.5.29.30'])
  })
})

describe('a certificate is none', () => {
  it.each([
    ['two lists of names', '2.5.29.17', '3000'],
    ['two basic constraints', '2.5.29.19', '30030101ff'],
  ])('with an extension twice: %s', async (_, id, value) => {
    expect(await fieldsOf({ extra: [extension(id, false, der(value))] })).toBeUndefined()
  })

  it.each([
    ['names with a byte after them', '2.5.29.17', '300000'],
    ['names that are cut', '2.5.29.17', '30058603'],
    ['a name with a space', '2.5.29.17', '300386 01 20'.replaceAll(' ', '')],
    ['a name beyond ASCII', '2.5.29.17', '300386018a'],
    ['usages that are no object ids', '2.5.29.37', '3003020101'],
    ['usages with a malformed id', '2.5.29.37', '3003060180'],
  ])('with %s', async (_, id, value) => {
    const plan = { uris: [], usages: null, keyUsage: null }
    expect(await fieldsOf({ ...plan, extra: [extension(id, false, der(value))] })).toBeUndefined()
    expect(await fieldsOf(plan)).toBeDefined()
  })

  it('with a key usage that is no bit string or has too many unused bits', async () => {
    const plan = { keyUsage: null }
    for (const value of ['0401ff', '030208ff', '0300', '03020780ff']) {
      const extra = [extension('2.5.29.15', true, der(value))]
      expect(await fieldsOf({ ...plan, extra }), value).toBeUndefined()
    }
    const extra = [extension('2.5.29.15', true, der('03020780'))]
    expect((await fieldsOf({ ...plan, extra }))?.keyUsage?.digitalSignature).toBe(true)
  })

  it('with more extensions or names than the limits', async () => {
    const extra = (count: number) =>
      Array.from({ length: count }, (_, at) => extension(`1.2.3.${at}`, false, der('0500')))
    const own = 4
    expect(await fieldsOf({ extra: extra(extensionsMax - own) })).toBeDefined()
    expect(await fieldsOf({ extra: extra(extensionsMax - own + 1) })).toBeUndefined()
    const dns = Array.from({ length: listItemsMax - 1 }, (_, at) => `n${at}`)
    expect(await fieldsOf({ dns })).toBeDefined()
    expect(await fieldsOf({ dns: [...dns, 'more'] })).toBeUndefined()
  })

  it('when its surrounding names another algorithm than what is signed', () => {
    const bytes = Buffer.from(good.der)
    const algorithm = Buffer.from('06082a8648ce3d040302', 'hex')
    const last = bytes.lastIndexOf(algorithm)
    expect(last).toBeGreaterThan(bytes.indexOf(algorithm))
    bytes[last + algorithm.length - 1] = 3
    expect(readCertificateFields(bytes)).toBeUndefined()
  })

  it('when anything is cut off or put after it', () => {
    for (let length = 0; length < good.der.length; length++) {
      expect(readCertificateFields(good.der.subarray(0, length))).toBeUndefined()
    }
    expect(readCertificateFields(Uint8Array.of(...good.der, 0))).toBeUndefined()
  })
})

describe('reading', () => {
  const uri = /^[\x21-\x7e]*$/

  function expectTyped(found: CertificateFields | undefined): void {
    if (found === undefined) return
    expect(found.signatureAlgorithm).toMatch(/^[0-9]+(\.[0-9]+)+$/)
    for (const one of found.uris) expect(one).toMatch(uri)
    expect(found.uris.length).toBeLessThanOrEqual(listItemsMax)
    expect(typeof found.isAuthority).toBe('boolean')
  }

  it('never throws on a certificate in which bytes are changed, removed or put in', () => {
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.nat({ max: 4 }),
      put: fc.uint8Array({ maxLength: 4 }),
    })
    fc.assert(
      fc.property(
        fc.constantFrom('good', 'ca'),
        fc.array(edit, { minLength: 1, maxLength: 4 }),
        (which, edits) => {
          let bytes: number[] = [...(which === 'ca' ? ca : good).der]
          for (const { at, remove, put } of edits) {
            bytes = bytes.toSpliced(at % bytes.length, remove, ...put)
          }
          expectTyped(readCertificateFields(Uint8Array.from(bytes)))
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('never throws on random bytes', () => {
    const start = fc.constantFrom<number[]>([], [0x30], [0x30, 0x10], [0x30, 0x82, 0, 0x80])
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, tail) => {
        expectTyped(readCertificateFields(Uint8Array.of(...head, ...tail)))
      }),
      { numRuns: 2_000 },
    )
  })
})
