import { NodosumError, seededRandom } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { PeerBreaker } from '../../src/adapters/circuit-breaker.ts'

const settings = { backoffBaseMs: 100, backoffMaxMs: 10_000 }
const failure = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'nobody answers')
const cancelled = new NodosumError('ERR_NODOSUM_CANCELLED', 'given up')

function breaker(): PeerBreaker {
  return new PeerBreaker('a', settings, seededRandom('breaker'))
}

function failing(one: PeerBreaker, nowMs: number, error: Error = failure): Promise<unknown> {
  const run = one.run(
    () => nowMs,
    () => Promise.reject(error),
  )
  return run.catch((thrown: unknown) => thrown)
}

describe('the circuit breaker of a peer', () => {
  it('opens with a failure, lets one through after the pause, and closes with a success', async () => {
    const one = breaker()
    expect([one.refusal(0), one.isPristine]).toEqual([null, true])
    expect(await failing(one, 0)).toBe(failure)
    expect(one.refusal(0)).toMatchObject({ code: 'ERR_NODOSUM_NOT_CONNECTED', cause: failure })
    const { retryInMs } = one.snapshot(0)
    expect(one.refusal(retryInMs)).toBeNull()
    expect(one.snapshot(retryInMs).state).toBe('half-open')
    const result = one.run(
      () => retryInMs,
      async () => 'connected',
    )
    expect(await result).toBe('connected')
    expect(one.snapshot(retryInMs)).toMatchObject({ state: 'closed', failures: 1 })
    one.succeeded()
    expect(one.isPristine).toBe(true)
    one.close()
  })

  it('opens again when the one that it let through fails, for longer on average', async () => {
    const one = breaker()
    let nowMs = 0
    const pauses: number[] = []
    for (let count = 0; count < 20; count++) {
      await failing(one, nowMs)
      const { retryInMs } = one.snapshot(nowMs)
      pauses.push(retryInMs)
      expect(retryInMs).toBeLessThanOrEqual(Math.min(10_000, 100 * 2 ** count))
      nowMs += retryInMs
      expect(one.refusal(nowMs)).toBeNull()
    }
    expect(Math.max(...pauses)).toBeGreaterThan(3_000)
    one.close()
  })

  it('holds nothing against a peer whose dial was given up at this end', async () => {
    const one = breaker()
    await failing(one, 0, cancelled)
    expect([one.refusal(0), one.isPristine]).toEqual([null, true])
    await failing(one, 0)
    const { retryInMs } = one.snapshot(0)
    expect(one.refusal(retryInMs)).toBeNull()
    await failing(one, retryInMs, cancelled)
    // Still only one may try.
    expect(one.snapshot(retryInMs)).toMatchObject({ state: 'half-open', failures: 1 })
    one.close()
  })

  it('takes a refusal by the peer for a failure, and one of this node for none', async () => {
    const one = breaker()
    const code = 'ERR_NODOSUM_LIMIT_CONNECTIONS'
    await failing(one, 0, new NodosumError(code, 'this node is full'))
    expect(one.snapshot(0).state).toBe('closed')
    await one.failed(new NodosumError(code, 'it is full', { details: { remote: true } }), 0)
    expect(one.snapshot(0)).toMatchObject({ state: 'open', lastError: code })
    one.close()
  })
})
