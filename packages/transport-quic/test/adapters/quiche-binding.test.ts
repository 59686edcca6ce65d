import { isNodosumError, type NodosumError } from '@nodosum/kernel'
import { afterAll, describe, expect, it } from 'vitest'
import { type EngineSettings, loadEngine } from '../../src/adapters/quiche-binding.ts'
import { makeCertificates } from '../certificates.ts'

const certificates = makeCertificates()
const credentials = certificates.issue('spiffe://test/nodosum/shop/first')
const other = certificates.issue('spiffe://test/nodosum/shop/second')
const settings: EngineSettings = {
  idleTimeoutMs: 10_000,
  streamWindowBytes: 65_536,
  streamCredits: 2_000,
}

afterAll(() => certificates.remove())

async function refusal(work: Promise<unknown>): Promise<NodosumError> {
  const error: unknown = await work.then(
    () => 'resolved',
    (thrown: unknown) => thrown,
  )
  if (isNodosumError(error)) return error
  throw new Error(`no coded error: ${String(error)}`)
}

describe('the binding', () => {
  it('that does not load is reported with the platform, the cause and what to do', async () => {
    const cause = new Error('cannot open shared object\nand a long trace')
    const error = await refusal(loadEngine(credentials, settings, () => Promise.reject(cause)))
    expect(error.code).toBe('ERR_NODOSUM_TRANSPORT_UNAVAILABLE')
    expect(error.message).toContain(`${process.platform} ${process.arch}`)
    expect(error.message).toContain('(cannot open shared object)')
    expect(error.message).toContain('glibc Linux x64, macOS and Windows x64')
    expect(error.cause).toBe(cause)
  })

  it('is reported too when the load fails with something that is no error', async () => {
    const load = (): Promise<unknown> => Promise.reject('no such file')
    const error = await refusal(loadEngine(credentials, settings, load))
    expect(error.message).toContain('(no such file)')
  })

  it('of another version, which exports something else, is refused', async () => {
    for (const loaded of [{}, { native: {} }, { native: { quiche: { Connection: {} } } }]) {
      const error = await refusal(loadEngine(credentials, settings, async () => loaded))
      expect(error.code).toBe('ERR_NODOSUM_TRANSPORT_UNAVAILABLE')
      expect(error.message).toContain('2.0.9')
    }
  })

  it('is never given a number that it would abort the process on', async () => {
    for (const wrong of [-1, 2 ** 62, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const name of ['idleTimeoutMs', 'streamWindowBytes', 'streamCredits'] as const) {
        const error = await refusal(loadEngine(credentials, { ...settings, [name]: wrong }))
        expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
        expect(error.message).toContain(name)
      }
    }
    const engine = await loadEngine(credentials, settings)
    const address = { host: '127.0.0.1', port: 5 }
    const dial = { id: new Uint8Array(20), local: address, remote: address, packetBytes: -1 }
    expect(() => engine.dial(dial)).toThrow(/packetBytes must be an integer/)
  })
})

/** A binding that makes nothing, and what it was told. */
function toldBinding(): {
  readonly binding: object
  readonly told: (readonly [string, ...unknown[]])[]
  readonly made: unknown[][]
} {
  const told: (readonly [string, ...unknown[]])[] = []
  const made: unknown[][] = []
  const config = new Proxy(
    {},
    {
      get:
        (_, name) =>
        (...given: unknown[]) =>
          void told.push([String(name), ...given]),
    },
  )
  const Config = {
    withBoringSslCtx: (...given: unknown[]) => {
      made.push(given)
      return config
    },
  }
  const connect = (): object => ({})
  return { binding: { native: { quiche: { Config, Connection: { connect } } } }, told, made }
}

describe('the engine', () => {
  const address = { host: '127.0.0.1', port: 5 }
  const path = { id: new Uint8Array(20), local: address, remote: address }

  it('is told everything that keeps a connection from stalling, and nothing that opens a door', async () => {
    const { binding, told, made } = toldBinding()
    await loadEngine(credentials, settings, async () => binding)
    expect(Object.fromEntries(told.map(([name, ...given]) => [name, given]))).toMatchObject({
      // A lost MAX_DATA is not repeated: the connection's own window must never be used up.
      setInitialMaxData: [2 ** 40],
      setMaxConnectionWindow: [2 ** 40],
      setInitialMaxStreamDataBidiLocal: [65_536],
      setInitialMaxStreamDataBidiRemote: [65_536],
      setMaxStreamWindow: [65_536],
      // Nor is a lost MAX_STREAMS.
      setInitialMaxStreamsBidi: [2_000],
      setInitialMaxStreamsUni: [0],
      setInitialMaxStreamDataUni: [0],
      setDisableActiveMigration: [true],
      setActiveConnectionIdLimit: [2],
      enablePacing: [false],
    })
    const names = told.map(([name]) => name)
    for (const door of ['enableEarlyData', 'verifyPeer', 'setTicketKey', 'logKeys']) {
      expect(names).not.toContain(door)
    }
    // Every peer shows a certificate, and one that does not pass ends the handshake.
    expect(made.map(([verify, allowFailure]) => [verify, allowFailure])).toEqual([[true, false]])
  })

  it('makes one configuration for all connections of a packet size', async () => {
    const { binding, made } = toldBinding()
    const engine = await loadEngine(credentials, settings, async () => binding)
    for (const packetBytes of [1_200, 1_452, 1_200, 1_452]) engine.dial({ ...path, packetBytes })
    expect(made).toHaveLength(2)
  })
})

describe('credentials', () => {
  it('that cannot be used are refused when the engine is made, not at the first dial', async () => {
    const wrong = [
      [{ ...credentials, certificatePem: 'not a certificate' }, 'the certificate is not PEM'],
      [{ ...credentials, keyPem: '' }, 'the private key is not PEM'],
      [{ ...credentials, keyPem: other.keyPem }, 'does not belong to the certificate'],
      [{ ...credentials, caPem: 'no CA' }, 'the CA is not PEM'],
    ] as const
    for (const [unusable, words] of wrong) {
      const error = await refusal(loadEngine(unusable, settings))
      expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
      expect(error.message).toContain(words)
    }
  })

  it('never show up in an error', async () => {
    const { message } = await refusal(loadEngine({ ...credentials, certificatePem: 'x' }, settings))
    const body = credentials.keyPem.split('\n')[1] as string
    expect(body.length).toBeGreaterThan(20)
    expect(message).not.toContain(body)
  })
})
