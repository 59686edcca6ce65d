import { describe, expect, it } from 'vitest'
import { errorOfFarewell } from '../../src/core/close-error.ts'

const peer = '10.0.0.1:6969'

describe('the last word of a peer', () => {
  it('is no error when it closes with 0, and a lost connection with another code', () => {
    expect(errorOfFarewell({ kind: 'close', code: 0, reason: 'bye' }, peer)).toBeNull()
    const error = errorOfFarewell({ kind: 'close', code: 7, reason: 'moving' }, peer)
    expect(error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
    expect(error?.message).toBe('10.0.0.1:6969 closed the connection with code 7: moving')
    expect(error?.details).toMatchObject({ code: 7, reason: 'moving', remote: true, peer })
  })

  it('carries the code for which this node is refused', () => {
    for (const code of ['CERT_EXPIRED', 'CERT_UNTRUSTED', 'IDENTITY_MISMATCH']) {
      const reason = `ERR_NODOSUM_${code}`
      const error = errorOfFarewell({ kind: 'refusal', code: 1, reason }, peer)
      expect(error?.code).toBe(reason)
      expect(error?.message).toContain('refused the certificate of this node')
    }
  })

  it('cannot make this node throw any code it likes', () => {
    for (const reason of ['ERR_NODOSUM_SHUT_DOWN', 'ERR_NODOSUM_INVARIANT_VIOLATED', 'x', '']) {
      const error = errorOfFarewell({ kind: 'refusal', code: 0, reason }, peer)
      expect(error?.code, reason).toBe('ERR_NODOSUM_CONNECTION_LOST')
    }
  })
})
