import { describe, expect, it } from 'vitest'
import { listenFailed } from '../../src/index.ts'

describe('a port that the system does not give', () => {
  it.each([
    ['EADDRINUSE', 'the port is taken'],
    ['EADDRNOTAVAIL', 'no such address'],
    ['EACCES', 'above 1023'],
    ['EMFILE', 'see the cause'],
    ['constructor', 'see the cause'],
  ])('for %s says what to do: %s', (code, words) => {
    const cause = Object.assign(new Error('refused'), { code })
    const error = listenFailed('TCP', { host: '10.0.0.1', port: 7_000 }, cause)
    expect(error).toMatchObject({ code: 'ERR_NODOSUM_LISTEN_FAILED', cause })
    expect(error.message).toContain(`TCP 10.0.0.1 port 7000: ${code}; `)
    expect(error.message).toContain(words)
    expect(error.details).toEqual({ host: '10.0.0.1', port: 7_000, errno: code })
  })
})
