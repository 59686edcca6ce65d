import { describe, expect, it } from 'vitest'
import { sourceOf } from '../../src/core/source-address.ts'

describe('the source of a connection', () => {
  it('is an IPv4 address', () => {
    expect(sourceOf('10.0.0.1')).toBe('10.0.0.1')
  })

  it('is the /64 of an IPv6 address, however it is written', () => {
    const same = [
      '2001:db8:0:1::1',
      '2001:db8::1:2:3:4:5',
      '2001:0DB8:0:0001:ffff::2',
      '2001:db8:0:1:a:b:c:d',
    ]
    expect(new Set(same.map(sourceOf))).toEqual(new Set(['2001:db8:0:1']))
    expect(sourceOf('2001:db8:0:2::1')).toBe('2001:db8:0:2')
    expect(sourceOf('fe80::1%eth0')).toBe('fe80:0:0:0')
    expect(sourceOf('::1')).toBe('0:0:0:0')
    expect(sourceOf('1:2::3.4.5.6')).toBe('1:2:0:0')
  })
})
