import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseClusterName } from '@nodosum/kernel'
import { beforeAll, describe, expect, it } from 'vitest'
import { type IdentitySource, loadIdentity } from '../../src/adapters/load-identity.ts'
import { pemFileBytesMax, readPemSource } from '../../src/adapters/pem-source.ts'
import { type Issued, issue, nowMs, shopUri } from '../certificates.ts'
import { errorOf } from '../errors.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

const context = { cluster: parseClusterName('shop'), wallMs: nowMs }
const invalid = 'ERR_NODOSUM_CONFIG_INVALID'

let ca: Issued
let good: Issued

beforeAll(async () => {
  ca = await issue({ ca: true })
  good = await issue({ issuer: ca })
})

async function files() {
  const directory = await temporaryDirectory()
  const certificateFile = join(directory, 'tls.crt')
  const keyFile = join(directory, 'tls.key')
  const caFile = join(directory, 'ca.crt')
  await writeFile(certificateFile, good.pem)
  await writeFile(keyFile, good.keyPem, { mode: 0o600 })
  await writeFile(caFile, ca.pem)
  return { certificateFile, keyFile, caFile, match: 'node' } as const satisfies IdentitySource
}

/** Root may read everything, so what a refused read does shows only to another user. */
async function asOrdinaryUser<T>(run: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return run()
  process.seteuid?.(65_534)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}

describe('an identity from files', () => {
  it('is the one in them, also when text takes the place of one', async () => {
    const source = await files()
    expect(await loadIdentity(source, context)).toMatchObject({ nodeId: 'shop-1', uri: shopUri })
    const mixed = { ...source, caFile: undefined, ca: ca.pem }
    expect(await loadIdentity(mixed, context)).toMatchObject({ nodeId: 'shop-1' })
  })

  it('is read anew each time, so a renewed certificate is taken at the next load', async () => {
    const source = await files()
    await loadIdentity(source, context)
    const next = await issue({ issuer: ca, notAfterMs: nowMs + 5_000 })
    await writeFile(source.certificateFile, next.pem)
    await writeFile(source.keyFile, next.keyPem)
    expect((await loadIdentity(source, context)).notAfterMs).toBe(nowMs + 5_000)
  })

  it('is refused with the names of both files when key and certificate do not fit', async () => {
    const source = await files()
    await writeFile(source.keyFile, (await issue({ issuer: ca })).keyPem)
    const error = await errorOf(() => loadIdentity(source, context))
    expect(error.code).toBe(invalid)
    expect(error.message).toContain(source.keyFile)
    expect(error.message).toContain(source.certificateFile)
  })
})

describe('a file', () => {
  it('that is missing is named with the remedy', async () => {
    const source = await files()
    await rm(source.caFile)
    const error = await errorOf(() => loadIdentity(source, context))
    expect(error.code).toBe(invalid)
    expect(error.message).toContain(
      `identity.caFile (${source.caFile}) cannot be read: there is no`,
    )
    expect(error.details).toEqual({ file: source.caFile, reason: 'ENOENT' })
  })

  it('that is a directory is refused', async () => {
    const source = await files()
    await rm(source.keyFile)
    await mkdir(source.keyFile)
    const error = await errorOf(() => loadIdentity(source, context))
    expect(error.message).toContain(`${source.keyFile}) cannot be read: it is a directory`)
  })

  it('that this user may not read is refused with the remedy', async () => {
    const source = await files()
    await chmod(source.keyFile, 0)
    const read = () => readPemSource('key', source.keyFile, undefined)
    const error = await asOrdinaryUser(() => errorOf(read))
    expect(error.code).toBe(invalid)
    expect(error.message).toContain(`${source.keyFile}) cannot be read: this user may not read it`)
  })

  it('that has a file where a directory should be is refused with what the system says', async () => {
    const source = await files()
    const error = await errorOf(() => readPemSource('ca', `${source.caFile}/ca.crt`, undefined))
    expect(error.message).toContain('ENOTDIR')
  })

  it('up to 1 MiB is read whole, one byte more is refused', async () => {
    const file = join(await temporaryDirectory(), 'ca.crt')
    await writeFile(file, '#'.repeat(pemFileBytesMax))
    expect((await readPemSource('ca', file, undefined)).text.length).toBe(pemFileBytesMax)
    await writeFile(file, '#'.repeat(pemFileBytesMax + 1))
    const error = await errorOf(() => readPemSource('ca', file, undefined))
    expect([error.code, error.message]).toEqual([invalid, expect.stringContaining('1 MiB')])
  })
})

describe('a source', () => {
  it('is refused when both or neither of file and text are given', async () => {
    const both = await errorOf(() => readPemSource('key', '/tls.key', 'text'))
    expect([both.code, both.message]).toEqual([
      invalid,
      'Set either identity.keyFile or identity.key (PEM text): both are set.',
    ])
    const neither = await errorOf(() => readPemSource('ca', undefined, undefined))
    expect(neither.message).toContain('neither is set')
  })

  it('is refused when its text is longer than 1 MiB', async () => {
    const long = await errorOf(() => readPemSource('ca', undefined, 'x'.repeat(1_048_577)))
    expect([long.code, long.message]).toEqual([invalid, 'identity.ca is longer than 1 MiB.'])
  })
})
