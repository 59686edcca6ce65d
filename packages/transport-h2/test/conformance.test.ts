import { clausesFor } from '@nodosum/transport/conformance'
import { afterAll, describe, expect, it } from 'vitest'
import { makeCertificates } from './certificates.ts'
import { h2Harness } from './conformance-harness.ts'

const certificates = makeCertificates()
const harness = h2Harness(certificates)
afterAll(() => certificates.remove())

describe('HTTP/2 keeps the transport contract:', () => {
  for (const clause of clausesFor(harness)) {
    it(clause.name, () => clause.run(harness), 60_000)
  }

  it('without an exception', () => {
    expect(harness.exceptions).toEqual({})
  })
})
