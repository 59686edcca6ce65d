import { describe, expect, it } from 'vitest'
import { addressProblem, addressWords } from '../../src/core/address.ts'

describe('addresses', () => {
  it('are written as people do', () => {
    expect(addressWords({ host: '10.0.0.1', port: 5 })).toBe('10.0.0.1:5')
    expect(addressWords({ host: 'fe80::1', port: 5 })).toBe('[fe80::1]:5')
  })

  it('are IP literals with a port', () => {
    for (const host of ['127.0.0.1', '::1', 'fe80::1%eth0', '::ffff:10.0.0.1']) {
      expect(addressProblem({ host, port: 1 }), host).toBeNull()
    }
    for (const host of ['', 'localhost', 'cafe', '999.1.1.1', '1.2.3', '1.2.3.4.5', 'a.b.c.d']) {
      expect(addressProblem({ host, port: 1 }), host).toContain('resolve the name first')
    }
    for (const port of [0, -1, 65_536, 1.5, Number.NaN]) {
      expect(addressProblem({ host: '::1', port }), `${port}`).toContain('from 1 to 65535')
    }
  })
})
