import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDialable, parseSeed } from '../../src/adapters/seed-address.ts'
import { errorOf } from '../errors.ts'

const invalid = 'ERR_NODOSUM_CONFIG_INVALID'
const parse = (text: unknown) => parseSeed(text, 6_969, 'seeds[2]')

describe('a seed', () => {
  it.each([
    ['10.0.0.1:7000', '10.0.0.1', 7_000, false],
    ['10.0.0.1', '10.0.0.1', 6_969, false],
    ['db.internal:1', 'db.internal', 1, true],
    ['db.internal', 'db.internal', 6_969, true],
    ['db.internal.', 'db.internal.', 6_969, true],
    ['localhost:65535', 'localhost', 65_535, true],
    ['shop-1_a.example', 'shop-1_a.example', 6_969, true],
    ['1.example', '1.example', 6_969, true],
    ['[fd00::1]:7000', 'fd00::1', 7_000, false],
    ['[fd00::1]', 'fd00::1', 6_969, false],
    ['fd00::1', 'fd00::1', 6_969, false],
    ['::1', '::1', 6_969, false],
    ['[fe80::1%eth0]:7000', 'fe80::1%eth0', 7_000, false],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1', 6_969, false],
  ])('%s is %s port %i, a name: %s', (text, host, port, isName) => {
    expect(parse(text)).toEqual({ host, port, isName })
  })

  it.each([
    ['', 'has no host'],
    [':7000', 'has no host'],
    ['10.0.0.1:', 'no number as port'],
    ['10.0.0.1:x', 'no number as port'],
    ['10.0.0.1: 7000', 'no number as port'],
    ['10.0.0.1:-1', 'no number as port'],
    ['10.0.0.1:1e3', 'no number as port'],
    ['10.0.0.1:700000', 'no number as port'],
    ['10.0.0.1:0', 'port 0, which is not'],
    ['10.0.0.1:65536', 'port 65536, which is not'],
    ['https://shop.example', 'is a URL'],
    ['fd00::1:7000:x', 'several colons'],
    ['a:1:2', 'several colons'],
    ['[fd00::1', 'no IPv6 address in brackets'],
    ['[10.0.0.1]:7000', 'no IPv6 address in brackets'],
    ['[]:7000', 'no IPv6 address in brackets'],
    ['[fd00::1]7000', 'something after its bracket'],
    ['[fd00::1]:', 'no number as port'],
    ['0.0.0.0:7000', 'every address of this machine'],
    ['[::]:7000', 'every address of this machine'],
    ['0:0:0:0:0:0:0:0', 'every address of this machine'],
    ['::0.0.0.0', 'every address of this machine'],
    ['[::ffff:0.0.0.0]:7000', 'every address of this machine'],
    ['10.0.0', 'malformed IPv4'],
    ['10.0.0.256:7000', 'malformed IPv4'],
    ['0', 'malformed IPv4'],
    ['a..b', 'neither name nor address'],
    ['-a.example', 'neither name nor address'],
    ['shop example', 'neither name nor address'],
    ['shop/x', 'neither name nor address'],
    [`${'a'.repeat(64)}.example`, 'neither name nor address'],
    [`${'a.'.repeat(127)}`, 'longer than 253'],
  ])('%j is refused with what is wrong, where, and the right form', async (text, words) => {
    const error = await errorOf(() => parse(text))
    expect(error.code).toBe(invalid)
    expect(error.message).toContain(`seeds[2]: ${JSON.stringify(text)}`)
    expect(error.message).toContain(words)
    expect(error.message).toContain('"host:port"')
    expect(error.details).toEqual({ where: 'seeds[2]' })
  })

  it.each([[7_000], [null], [undefined], [{}], [['a']]])('that is %j is no text', async (value) => {
    const error = await errorOf(() => parse(value))
    expect([error.code, error.message]).toEqual([invalid, expect.stringContaining('is no text')])
  })

  it('with a wrong default port is refused, unless it has its own', async () => {
    for (const port of [0, -1, 65_536, 1.5, Number.NaN]) {
      expect((await errorOf(() => parseSeed('a.example', port, 'x'))).code).toBe(invalid)
      expect(parseSeed('a.example:1', port, 'x').port).toBe(1)
    }
  })

  it('parses to the host and port it was made of', () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain())
    const port = fc.integer({ min: 1, max: 65_535 })
    const listenOnly = /^(?:[0:]*:ffff:)?[0:.]+$/i
    const property = fc.property(host, port, (name, number) => {
      fc.pre(!listenOnly.test(name))
      const bracketed = name.includes(':') ? `[${name}]` : name
      expect(parse(`${bracketed}:${number}`)).toMatchObject({ host: name, port: number })
      expect(parse(name)).toMatchObject({ host: name, port: 6_969 })
    })
    fc.assert(property, { numRuns: 300 })
  })

  it('of any text is either usable or refused with a code and a bounded message', async () => {
    const part = fc.constantFrom('[', ']', ':', '.', '::', '10.0.0.1', 'a', '-', '%', ' ', '99')
    const text = fc.oneof(
      fc.string({ maxLength: 2_000 }),
      fc.array(part, { maxLength: 8 }).map((parts) => parts.join('')),
    )
    const property = fc.asyncProperty(text, async (given) => {
      let seed: ReturnType<typeof parse>
      try {
        seed = parse(given)
      } catch {
        const error = await errorOf(() => parse(given))
        expect(error.code).toBe(invalid)
        expect(error.message.length).toBeLessThan(2_200)
        return
      }
      expect(seed.port).toBeGreaterThan(0)
      expect(seed.isName).toBe(!isDialable(seed))
      expect(given).toContain(seed.host)
    })
    await fc.assert(property, { numRuns: 500 })
  })
})

describe('an address to dial', () => {
  it.each([
    [{ host: '10.0.0.1', port: 1 }, true],
    [{ host: 'fd00::1', port: 65_535 }, true],
    [{ host: 'a.example', port: 1 }, false],
    [{ host: '0.0.0.0', port: 1 }, false],
    [{ host: '::', port: 1 }, false],
    [{ host: '10.0.0.1', port: 0 }, false],
    [{ host: '10.0.0.1', port: 65_536 }, false],
    [{ host: '10.0.0.1', port: 1.5 }, false],
    [{ host: '10.0.0.1', port: '1' }, false],
    [{ host: 1, port: 1 }, false],
    [{}, false],
    [null, false],
    ['10.0.0.1:1', false],
  ])('%j: %s', (value, dialable) => {
    expect(isDialable(value)).toBe(dialable)
  })
})
