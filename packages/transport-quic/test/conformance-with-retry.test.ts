import { clausesFor } from '@nodosum/transport/conformance'
import { afterAll, describe, expect, it } from 'vitest'
import { makeCertificates } from './certificates.ts'
import { quicHarness } from './conformance-harness.ts'

const certificates = makeCertificates()
const harness = quicHarness(certificates, 'clear')
afterAll(() => certificates.remove())

// What comes after a handshake is the same with both.
const clauses = clausesFor(harness).filter(({ name }) => {
  return /dial|accept|refused|garbage|stranger|know each other/.test(name)
})

describe('QUIC without a seal keeps what the contract says of coming up:', () => {
  for (const clause of clauses) it(clause.name, () => clause.run(harness), 60_000)

  it('in more than a few clauses', () => {
    expect(clauses.length).toBeGreaterThan(15)
  })
})
