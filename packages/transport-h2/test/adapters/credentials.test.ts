import { isNodosumError } from '@nodosum/kernel'
import { afterAll, describe, expect, it } from 'vitest'
import { secureContextOf } from '../../src/adapters/credentials.ts'
import { makeCertificates } from '../certificates.ts'

const certificates = makeCertificates()
afterAll(() => certificates.remove())
const good = certificates.issue('spiffe://test/nodosum/shop/first')
const other = certificates.issue('spiffe://test/nodosum/shop/second')

describe('credentials', () => {
  it('that fit are taken', () => {
    expect(secureContextOf(good).context).toBeDefined()
  })

  it.each([
    ['certificate', { ...good, certificatePem: 'SECRET' }],
    ['private key', { ...good, keyPem: 'SECRET' }],
    ['CA', { ...good, caPem: 'SECRET' }],
    // Without a CA, Node would trust its built-in ones.
    ['CA', { ...good, caPem: '' }],
    ['private key does not belong', { ...good, keyPem: other.keyPem }],
  ])('whose %s is bad are refused at the start, without being quoted', (words, credentials) => {
    let error: unknown
    try {
      secureContextOf(credentials)
    } catch (thrown) {
      error = thrown
    }
    expect(isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID')).toBe(true)
    expect(String(error)).toContain(words)
    expect(String(error)).not.toContain('SECRET')
    expect((error as Error).cause).toBeUndefined()
  })
})
