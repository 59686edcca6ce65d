import { describe, expect, it } from 'vitest'
import { strictValidation } from '../../src/rules/strict-validation.ts'
import { problemsOf } from '../planted-tree.ts'

const file = 'packages/transport-h2/src/adapters/link.ts'

describe('no switch loosens validation', () => {
  it.each([
    'export const options = { rejectUnauthorized: false }',
    "export const options = { ['rejectUnauthorized']: isStrict }",
    'export const options = { checkServerIdentity: () => undefined }',
    'export const options = { requestCert: false }',
    "export const isStrict = process.env.NODE_TLS_REJECT_UNAUTHORIZED !== '0'",
  ])('finds %s', (text) => {
    expect(problemsOf(strictValidation, { [file]: `// a comment\n${text}\n` })).toEqual([
      expect.stringContaining(`${file}:2 `),
    ])
  })

  it('lets pass what only speaks of it, and the file that judges by itself', () => {
    const text = '// not by rejectUnauthorized\n'
    expect(problemsOf(strictValidation, { [file]: text })).toEqual([])
    const judge = 'packages/transport-h2/src/adapters/tls-network.ts'
    const moved = 'export const options = { rejectUnauthorized: false }\n'
    expect(problemsOf(strictValidation, { [judge]: moved })).toEqual([])
  })

  it.each([
    'insecure',
    'skipVerify',
    'allowUnauthorized',
    'trustEverybody',
    'validateCertificates',
  ])('finds an option that is called %s, at any depth', (name) => {
    const schema = { properties: { pool: { properties: { [name]: {}, sweepMs: {} } } } }
    const planted = { 'docs/options.schema.json': JSON.stringify(schema) }
    expect(problemsOf(strictValidation, planted)).toEqual([expect.stringContaining(name)])
  })
})
