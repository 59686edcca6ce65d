import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { checkPeer } from '../../src/driver/peer-check.ts'
import type { EngineConnection } from '../../src/ports.ts'

/** What an engine says after a handshake that its TLS library let pass. */
function refusal(said: Partial<Record<keyof EngineConnection, unknown>>): [string, string] {
  const engine = {
    isResumed: () => false,
    isInEarlyData: () => false,
    applicationProto: () => Buffer.from('nodosum/1'),
    peerCertChain: () => [Uint8Array.of(1)],
    ...said,
  } as unknown as EngineConnection
  const identity = { nodeId: null, uri: 'spiffe://a/b', fingerprint: '', notAfterMs: 0 }
  const demands = { protocol: 'nodosum/1', expect: undefined, peer: 'it' }
  try {
    checkPeer(engine, { ...demands, verifyPeer: () => identity })
    return ['passed', '']
  } catch (error) {
    return isNodosumError(error) ? [error.code, error.message] : [String(error), '']
  }
}

describe('the check after a handshake', () => {
  it('passes a peer that the TLS library and verifyPeer passed', () => {
    expect(refusal({})[0]).toBe('passed')
  })

  it('refuses another protocol, and none, though the TLS library should have', () => {
    for (const [spoken, words] of [
      ['nodosum/2', '"nodosum/2"'],
      ['', 'no application protocol'],
    ] as const) {
      const [code, message] = refusal({ applicationProto: () => Buffer.from(spoken) })
      expect(code).toBe('ERR_NODOSUM_VERSION_INCOMPATIBLE')
      expect(message).toContain(`it speaks ${words}, this node needs nodosum/1`)
    }
  })

  it('refuses a peer without a certificate and one that resumed a session', () => {
    for (const said of [
      { peerCertChain: () => null },
      { peerCertChain: () => [] },
      { isResumed: () => true },
      { isInEarlyData: () => true },
    ]) {
      expect(refusal(said)[0]).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
    }
  })
})
