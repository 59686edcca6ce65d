import { X509Certificate } from 'node:crypto'
import { chmod, link, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseClusterName, parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import {
  type DevelopmentIdentityOptions,
  developmentGossipKey,
  developmentIdentity,
} from '../../src/adapters/development-authority.ts'
import { createPeerVerifier } from '../../src/adapters/peer-verifier.ts'
import type { Identity } from '../../src/ports.ts'
import { dayMs, nowMs } from '../certificates.ts'
import { errorOf } from '../errors.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

const cluster = parseClusterName('shop')
const nodeId = parseNodeId('shop-1')
const invalid = 'ERR_NODOSUM_CONFIG_INVALID'

function start(
  directory: string,
  change: Partial<DevelopmentIdentityOptions> = {},
): Promise<Identity> {
  return developmentIdentity({ directory, cluster, nodeId, wallMs: nowMs, ...change })
}

function accepts(identity: Identity, peer: Identity, atMs: number): string | null {
  const verify = createPeerVerifier({
    cluster,
    match: 'node',
    caPem: identity.caPem,
    trustDomain: 'development',
    now: () => atMs,
  })
  return verify([new X509Certificate(peer.certificatePem).raw]).nodeId
}

describe('a development identity', () => {
  it('names its node, holds for 7 days, and has another key at every start', async () => {
    const directory = await temporaryDirectory()
    const [one, two] = [await start(directory), await start(directory)]
    expect(one).toMatchObject({
      nodeId: 'shop-1',
      uri: 'spiffe://development/nodosum/shop/shop-1',
      notAfterMs: nowMs + 7 * dayMs,
    })
    expect(one.caPem).toBe(two.caPem)
    expect(one.keyPem).not.toBe(two.keyPem)
    expect(accepts(one, two, nowMs)).toBe('shop-1')
  })

  it('tolerates a peer whose clock is a little behind', async () => {
    const one = await start(await temporaryDirectory())
    expect(accepts(one, one, nowMs - 30 * 60_000)).toBe('shop-1')
  })

  it('never writes its own key to the disk', async () => {
    const directory = await temporaryDirectory()
    const { keyPem } = await start(directory)
    expect((await readdir(directory)).toSorted()).toEqual(['ca-key.pem', 'ca.pem'])
    for (const name of await readdir(directory)) {
      expect(await readFile(join(directory, name), 'utf8')).not.toContain(keyPem.split('\n')[1])
    }
  })

  it('is refused with a wait out of range', async () => {
    const error = await errorOf(async () => start(await temporaryDirectory(), { lockWaitMs: 1 }))
    expect([error.code, error.message]).toEqual([invalid, expect.stringContaining('LockWaitMs')])
  })
})

describe('the development CA', () => {
  it('is kept for 335 days, then renewed with the same key, so running nodes go on', async () => {
    const directory = await temporaryDirectory()
    const first = await start(directory)
    const kept = await start(directory, { wallMs: nowMs + 335 * dayMs })
    expect(kept.caPem).toBe(first.caPem)
    const later = nowMs + 336 * dayMs
    const renewed = await start(directory, { wallMs: later })
    expect(renewed.caPem).not.toBe(first.caPem)
    expect(accepts(kept, renewed, later)).toBe('shop-1')
    expect(accepts(renewed, kept, later)).toBe('shop-1')
  })

  it('is renewed when the clock went back before it begins', async () => {
    const directory = await temporaryDirectory()
    const first = await start(directory)
    const back = await start(directory, { wallMs: nowMs - 10 * dayMs })
    expect(back.caPem).not.toBe(first.caPem)
    expect(accepts(back, back, nowMs - 10 * dayMs)).toBe('shop-1')
  })

  it('is completed with the key of a start that was killed before it had a certificate', async () => {
    const directory = await temporaryDirectory()
    const first = await start(directory)
    await unlink(join(directory, 'ca.pem'))
    const second = await start(directory)
    expect(accepts(first, second, nowMs)).toBe('shop-1')
  })

  it.each<[string, string, (directory: string) => Promise<unknown>]>([
    ['its key is missing', 'ca-key.pem is missing', (at) => unlink(join(at, 'ca-key.pem'))],
    ['its key is rubbish', 'not the key', (at) => writeFile(join(at, 'ca-key.pem'), 'x')],
    ['it is rubbish', 'no certificate in PEM', (at) => writeFile(join(at, 'ca.pem'), 'x')],
    [
      'it belongs to another key',
      'does not belong to',
      async (at) => {
        const other = await temporaryDirectory()
        await start(other)
        await writeFile(join(at, 'ca.pem'), await readFile(join(other, 'ca.pem')))
      },
    ],
  ])('is refused with the remedy when %s', async (_, words, damage) => {
    const directory = await temporaryDirectory()
    await start(directory)
    await damage(directory)
    const error = await errorOf(() => start(directory))
    expect(error.code).toBe(invalid)
    expect(error.message).toContain(words)
    expect(error.message).toContain(`delete ${directory} and start again`)
  })

  it('is released for others also after such an error', async () => {
    const directory = await temporaryDirectory()
    await start(directory)
    await writeFile(join(directory, 'ca.pem'), 'x')
    await errorOf(() => start(directory))
    expect(await readdir(directory)).not.toContain('lock')
    await rm(directory, { recursive: true })
    expect((await start(directory)).nodeId).toBe('shop-1')
  })
})

describe('the development gossip key', () => {
  it('is the same at every start', async () => {
    const directory = await temporaryDirectory()
    const keys = await Promise.all([1, 2, 3].map(() => developmentGossipKey(directory)))
    expect(new Set(keys).size).toBe(1)
    expect(await developmentGossipKey(directory)).toBe(keys[0])
    expect(keys[0]).toMatch(/^ngk1_/)
  })

  it('is refused when its file has none', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'gossip-key'), 'x', { mode: 0o600 })
    const error = await errorOf(() => developmentGossipKey(directory))
    expect(error.code).toBe(invalid)
    expect(error.message).toContain(join(directory, 'gossip-key'))
  })
})

describe('a development directory', () => {
  it.each([
    ['the directory', '', 0o777, 'chmod 700'],
    ['the CA', 'ca.pem', 0o644, 'chmod 600'],
    ['the key of the CA', 'ca-key.pem', 0o640, 'chmod 600'],
  ])('is refused when others have access to %s', async (_, name, mode, remedy) => {
    const directory = await temporaryDirectory()
    await start(directory)
    await chmod(join(directory, name), mode)
    const error = await errorOf(() => start(directory))
    expect(error.code).toBe(invalid)
    expect(error.message).toContain(join(directory, name))
    expect(error.message).toContain(remedy)
  })

  it('is refused when a link takes the place of it or of a file', async () => {
    const directory = await temporaryDirectory()
    await start(directory)
    const linked = join(await temporaryDirectory(), 'link')
    await symlink(directory, linked)
    expect((await errorOf(() => start(linked))).message).toContain('symbolic links')
    const key = join(directory, 'ca-key.pem')
    await link(key, `${key}.real`)
    await unlink(key)
    await symlink(`${key}.real`, key)
    const error = await errorOf(() => start(directory))
    expect([error.code, error.message]).toEqual([invalid, expect.stringContaining('ELOOP')])
  })

  it('is refused when it cannot be made, or has something huge or odd in it', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'file'), '')
    const inFile = await errorOf(() => start(join(directory, 'file', 'below')))
    expect([inFile.code, inFile.message]).toEqual([invalid, expect.stringContaining('ENOTDIR')])
    await writeFile(join(directory, 'ca.pem'), 'x'.repeat(65_537), { mode: 0o600 })
    expect((await errorOf(() => start(directory))).message).toContain('has 65537 bytes')
  })
})
