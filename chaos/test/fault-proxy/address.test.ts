import { describe, expect, it } from 'vitest'
import { checkTarget, formatAddress, parseAddress } from '../../src/fault-proxy/address.ts'

describe('an address', () => {
  it.each(['127.0.0.1:7000', '[::1]:65535', '0.0.0.0:0'])('is read and written: %s', (text) => {
    expect(formatAddress(parseAddress(text, 'to'))).toBe(text)
  })

  it('of IPv6 has one spelling', () => {
    expect(parseAddress('[0:0:0:0:0:0:0:1]:1', 'to')).toEqual({ host: '::1', port: 1 })
  })

  it.each([
    ['127.0.0.1', 'to: expected an IP address with a port, like 127.0.0.1:7000 or [::1]:7000'],
    ['127.0.0.1:', 'expected an IP address with a port'],
    ['::1:80', 'expected an IP address with a port'],
    ['localhost:80', "to: the host must be an IP address, not a name, got 'localhost'"],
    ['127.0.0.1:65536', 'to: the port must be a whole number from 0 to 65535, got 65536'],
  ])('is refused in words: %s', (text, message) => {
    expect(() => parseAddress(text, 'to')).toThrow(message)
  })

  it('to forward to has a port and names one machine', () => {
    for (const host of ['127.0.0.1', '::1']) {
      expect(() => checkTarget({ host, port: 0 }, 'to')).toThrow('expected the address and port')
    }
    expect(() => checkTarget({ host: '0.0.0.0', port: 1 }, 'to')).toThrow('got 0.0.0.0:1')
  })
})
