import { clausesFor } from '@nodosum/transport/conformance'
import { afterAll, describe, expect, it } from 'vitest'
import { makeCertificates } from './certificates.ts'
import { quicHarness } from './conformance-harness.ts'

const certificates = makeCertificates()
const harness = quicHarness(certificates)
afterAll(() => certificates.remove())

describe('QUIC keeps the transport contract:', () => {
  for (const clause of clausesFor(harness)) {
    it(clause.name, () => clause.run(harness), 60_000)
  }

  it('without an exception', () => {
    expect(harness.exceptions).toEqual({})
  })
})
