import { execFileSync } from 'node:child_process'
import { rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fileDiscovery } from '../../src/adapters/file-discovery.ts'
import type { Found } from '../../src/discovery.ts'
import type { DiscoveryOptions } from '../../src/options.ts'
import { errorOf } from '../errors.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

const noSignal = new AbortController().signal
const defaultPort = 6_969

async function written(text: string | Uint8Array): Promise<string> {
  const file = join(await temporaryDirectory(), 'seeds')
  await writeFile(file, text)
  return file
}

function look(file: string, options?: Partial<DiscoveryOptions>): Promise<Found> {
  const lookup = async (): Promise<string[]> => ['10.0.0.7']
  return fileDiscovery({ file, defaultPort, lookup, options }).find(noSignal)
}

describe('a file of addresses', () => {
  const addresses = [
    { host: '10.0.0.1', port: 6_969 },
    { host: '10.0.0.7', port: 7_000 },
    { host: 'fd00::1', port: 1 },
  ]

  it.each([
    ['a line each', '# seeds\n10.0.0.1\r\n\n  shop:7000 # the shop\n[fd00::1]:1\n'],
    ['a line each, IPv6 first', '[fd00::1]:1\n10.0.0.1\nshop:7000'],
    ['JSON texts', '["10.0.0.1", "shop:7000", "[fd00::1]:1"]'],
    [
      'JSON objects',
      ' [\n{"host":"10.0.0.1","port":6969}, "shop:7000", {"host":"fd00::1","port":1}]',
    ],
  ])('has them as %s', async (_, text) => {
    const found = await look(await written(text))
    const byHost = (a: { host: string }, b: { host: string }): number => (a.host < b.host ? -1 : 1)
    expect([...found.addresses].sort(byHost)).toEqual(addresses)
    expect(found.reason).toBeNull()
    expect(found.detail).toContain('3 addresses from 3 of 3 entries of /')
  })

  it('is read anew at each look, whichever way it was replaced', async () => {
    const file = await written('10.0.0.1')
    const discovery = fileDiscovery({ file, defaultPort })
    const hosts = async (): Promise<string[]> =>
      (await discovery.find(noSignal)).addresses.map(({ host }) => host)
    expect(await hosts()).toEqual(['10.0.0.1'])
    await writeFile(file, '10.0.0.2')
    expect(await hosts()).toEqual(['10.0.0.2'])
    await writeFile(`${file}.next`, '10.0.0.3')
    await rename(`${file}.next`, file)
    expect(await hosts()).toEqual(['10.0.0.3'])
    await writeFile(`${file}.real`, '10.0.0.4')
    await symlink(`${file}.real`, `${file}.link`)
    await rename(`${file}.link`, file)
    expect(await hosts()).toEqual(['10.0.0.4'])
  })

  it('with a wrong line has the others, and says which is wrong', async () => {
    const found = await look(await written('10.0.0.1\nhttps://x\n0.0.0.0\n'))
    expect(found.addresses).toEqual([{ host: '10.0.0.1', port: 6_969 }])
    expect(found.detail).toContain('line 2: "https://x" is a URL')
    expect(found.detail).toContain('line 3: "0.0.0.0" means')
  })

  it.each([
    ['is empty', '', 'empty', 'no address from 0 of 0 entries'],
    ['has only comments', '# nobody yet\n', 'empty', ''],
    ['has only wrong lines', 'a b\n', 'malformed', 'line 1'],
    ['is broken JSON', '["10.0.0.1", ', 'malformed', 'it is no JSON'],
    ['is JSON of another form', '{"seeds": []}', 'malformed', 'its JSON is no array'],
    ['is an empty array', '[]', 'empty', ''],
    ['is too large', 'x'.repeat(65), 'tooLarge', 'more than 64 bytes'],
  ])('that %s says so', async (_, text, reason, words) => {
    const found = await look(await written(text), { fileBytesMax: 64 })
    expect([found.addresses, found.reason]).toEqual([[], reason])
    expect(found.detail).toContain(words)
  })

  it('that is none says so, and is not waited for', async () => {
    const directory = await temporaryDirectory()
    const missing = await look(join(directory, 'missing'))
    expect([missing.reason, missing.detail]).toEqual([
      'notFound',
      expect.stringContaining('the file does not exist'),
    ])
    expect((await look(directory)).reason).toBe('malformed')
    execFileSync('mkfifo', [join(directory, 'pipe')])
    expect((await look(join(directory, 'pipe'))).reason).toBe('malformed')
    const endless = await look('/dev/zero')
    expect(endless.reason).toBe('malformed')
  })

  it('may have any number of lines, of which only the limit is used', async () => {
    const lines = Array.from({ length: 50_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`)
    const found = await look(await written(lines.join('\n')), { addressesMax: 10 })
    expect(found.addresses.length).toBe(10)
    expect(found.detail).toContain('49990 more entries left out (addressesMax)')
  })

  it('needs a path', async () => {
    const error = await errorOf(() => fileDiscovery({ file: '', defaultPort }))
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
  })
})
