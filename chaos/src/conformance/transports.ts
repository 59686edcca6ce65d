import type { ConformanceHarness } from '@nodosum/transport/conformance'
import { makeCertificates as makeH2Certificates } from '../../../packages/transport-h2/test/certificates.ts'
import { h2Harness } from '../../../packages/transport-h2/test/conformance-harness.ts'
import { makeCertificates as makeQuicCertificates } from '../../../packages/transport-quic/test/certificates.ts'
import { quicHarness } from '../../../packages/transport-quic/test/conformance-harness.ts'

/** The transports that have a link to put a proxy into. */
export const transportKinds = ['quic', 'h2'] as const
export type TransportKind = (typeof transportKinds)[number]

/** The harness of a transport's own conformance test, and an end for what it made. */
export function harnessOf(kind: TransportKind): {
  readonly harness: ConformanceHarness
  readonly remove: () => void
} {
  if (kind === 'quic') {
    const certificates = makeQuicCertificates()
    return { harness: quicHarness(certificates), remove: () => certificates.remove() }
  }
  const certificates = makeH2Certificates()
  return { harness: h2Harness(certificates), remove: () => certificates.remove() }
}
