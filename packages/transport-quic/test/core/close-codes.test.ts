import { NodosumError } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  alertFor,
  errorOfClose,
  type SpokenClose,
  streamErrorCode,
  tlsAlertBase,
} from '../../src/core/close-codes.ts'

function close(parts: Partial<SpokenClose>): NodosumError | null {
  const whole = { isApp: true, code: 0, reason: '', remote: true, peer: '10.0.0.2:6969' }
  return errorOfClose({ ...whole, ...parts })
}

describe('a close', () => {
  it('of the application with code 0 is orderly, whoever said it and whatever for', () => {
    expect(close({})).toBeNull()
    expect(close({ remote: false, reason: 'done' })).toBeNull()
  })

  it('with any other code is a lost connection that says who, which code and why', () => {
    const error = close({ code: 7, reason: 'moving' })
    expect(error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
    expect(error?.message).toBe('10.0.0.2:6969 closed the connection with code 7: moving')
    expect(error?.details).toEqual({
      code: 7,
      reason: 'moving',
      remote: true,
      peer: '10.0.0.2:6969',
    })
    expect(close({ code: 7, remote: false })?.message).toBe(
      'the connection to 10.0.0.2:6969 was closed with code 7',
    )
  })

  it('of QUIC itself is never orderly, also not with its code 0', () => {
    const error = close({ isApp: false })
    expect(error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
    expect(error?.message).toContain('QUIC code 0')
  })

  it('by a TLS alert about a certificate says which of the two certificates', () => {
    const unknownAuthority = { isApp: false, code: tlsAlertBase + 48 }
    expect(close(unknownAuthority)?.message).toContain('refused the certificate of this node')
    const ours = close({ ...unknownAuthority, remote: false })
    expect(ours?.message).toContain('the certificate of 10.0.0.2:6969 was refused: unknown CA')
    expect(ours?.code).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
    expect(close({ isApp: false, code: tlsAlertBase + 45 })?.code).toBe('ERR_NODOSUM_CERT_EXPIRED')
  })

  it('of the application with the number of an alert is no alert', () => {
    expect(close({ code: tlsAlertBase + 48 })?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
  })
})

describe('the alert for a refusal', () => {
  it('comes back at the other end as the code it was made of', () => {
    for (const code of [
      'ERR_NODOSUM_CERT_EXPIRED',
      'ERR_NODOSUM_IDENTITY_MISMATCH',
      'ERR_NODOSUM_CERT_UNTRUSTED',
      'ERR_NODOSUM_VERSION_INCOMPATIBLE',
    ] as const) {
      const alert = alertFor(new NodosumError(code, 'no'))
      expect(close({ isApp: false, code: alert })?.code, code).toBe(code)
    }
  })
})

describe('an error of the engine about a stream', () => {
  it('carries the code of the peer', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('StreamReset', 'StreamStopped'),
        fc.maxSafeNat(),
        (kind, code) => {
          expect(streamErrorCode(new Error(`${kind}(${code})`))).toBe(code)
        },
      ),
    )
  })

  it('is nothing else that is thrown', () => {
    for (const other of [
      new Error('Done'),
      new Error('StreamReset(x)'),
      new Error('a StreamReset(7)'),
      new Error('StreamReset(7) again'),
      { message: 7 },
      'StreamReset(7)',
      null,
      undefined,
    ]) {
      expect(streamErrorCode(other)).toBeUndefined()
    }
  })
})
