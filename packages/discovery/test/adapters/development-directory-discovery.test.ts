import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newBootId, parseNodeId, seededRandom } from '@nodosum/kernel'
import { describe, expect, it, onTestFinished } from 'vitest'
import { developmentDirectoryDiscovery } from '../../src/adapters/development-directory-discovery.ts'
import { recordText } from '../../src/adapters/node-record.ts'
import type { Announcement, Found } from '../../src/discovery.ts'
import type { DiscoveryOptions } from '../../src/options.ts'
import { errorOf } from '../errors.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

const random = seededRandom('development directory')
const noSignal = new AbortController().signal
const invalid = 'ERR_NODOSUM_CONFIG_INVALID'

function announcement(name: string, port = 7_000): Announcement {
  const address = { host: '127.0.0.1', port }
  return { nodeId: parseNodeId(name), bootId: newBootId(random), address }
}

function node(directory: string, options?: Partial<DiscoveryOptions>) {
  const discovery = developmentDirectoryDiscovery({ directory, options })
  return {
    announce: (self: Announcement) => discovery.announce?.(self),
    withdraw: () => discovery.withdraw?.(),
    find: (signal = noSignal) => discovery.find(signal),
  }
}

async function plant(directory: string, name: string, change: object = {}): Promise<void> {
  const record = { ...announcement(name), pid: process.pid, machine: hostname(), ...change }
  await writeFile(join(directory, `${name}.json`), recordText(record))
}

function look(directory: string, options?: Partial<DiscoveryOptions>): Promise<Found> {
  return node(directory, options).find()
}

/** A process id that nobody has: of a child that ended and was waited for. */
function deadPid(): number {
  const pid = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' })
  return Number(pid)
}

describe('nodes with one directory', () => {
  it('find each other and not themselves, until they withdraw', async () => {
    const directory = join(await temporaryDirectory(), 'nodes')
    const [one, two] = [node(directory), node(directory)]
    expect(await one.find()).toEqual({
      addresses: [],
      reason: 'empty',
      detail: `no address from ${directory}; nobody has announced itself there yet`,
    })
    await one.announce(announcement('shop-1', 7_001))
    await two.announce(announcement('shop-2', 7_002))
    expect((await one.find()).addresses).toEqual([{ host: '127.0.0.1', port: 7_002 }])
    expect((await two.find()).addresses).toEqual([{ host: '127.0.0.1', port: 7_001 }])
    await one.withdraw()
    expect(await readdir(directory)).toEqual(['shop-2.json'])
    expect((await two.find()).detail).toContain('1 of this node itself')
    await one.withdraw()
  })

  it('write records that only this user reads, in a directory that only this user enters', async () => {
    const directory = join(await temporaryDirectory(), 'nodes')
    await node(directory).announce(announcement('shop-1'))
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    expect((await stat(join(directory, 'shop-1.json'))).mode & 0o777).toBe(0o600)
  })

  it('take the place of an earlier start, which then removes nothing', async () => {
    const directory = await temporaryDirectory()
    const [before, after] = [node(directory), node(directory)]
    await before.announce(announcement('shop-1', 7_001))
    await after.announce(announcement('shop-1', 7_002))
    const record = await readFile(join(directory, 'shop-1.json'), 'utf8')
    await before.withdraw()
    expect(await readdir(directory)).toEqual(['shop-1.json'])
    expect(await readFile(join(directory, 'shop-1.json'), 'utf8')).toBe(record)
    expect((await look(directory)).addresses).toEqual([{ host: '127.0.0.1', port: 7_002 }])
  })
})

describe('a record', () => {
  it('of a killed process is passed over and removed', async () => {
    const directory = await temporaryDirectory()
    const script = fileURLToPath(new URL('../children/announce.ts', import.meta.url))
    const values = ['--conditions=nodosum-source', script, directory, 'shop-9']
    const child = spawn(process.execPath, values, { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    await once(child.stdout, 'data')
    expect((await look(directory)).addresses).toEqual([{ host: '127.0.0.1', port: 7_000 }])
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    const { addresses, detail } = await look(directory)
    expect(addresses).toEqual([])
    expect(detail).toContain('1 of dead processes removed')
    expect(await readdir(directory)).toEqual([])
  })

  it('of a dead process is removed once, whoever looks at the same time', async () => {
    const directory = await temporaryDirectory()
    const pid = deadPid()
    for (const name of ['a', 'b', 'c']) await plant(directory, name, { pid })
    await plant(directory, 'd')
    const looks = await Promise.all(Array.from({ length: 8 }, () => look(directory)))
    for (const { addresses } of looks) {
      expect(addresses).toEqual([{ host: '127.0.0.1', port: 7_000 }])
    }
    expect(await readdir(directory)).toEqual(['d.json'])
  })

  it('of another machine is passed over and stays', async () => {
    const directory = await temporaryDirectory()
    await plant(directory, 'far', { machine: 'elsewhere', pid: deadPid() })
    const { addresses, detail } = await look(directory)
    expect([addresses, detail]).toEqual([
      [],
      expect.stringContaining('1 of another machine passed over'),
    ])
    expect(await readdir(directory)).toEqual(['far.json'])
  })

  it('that is none is passed over, whatever it is, and stays', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'empty.json'), '')
    await writeFile(join(directory, 'half.json'), '{"version":1,"nodeId":"shop')
    await writeFile(join(directory, 'bytes.json'), random.bytes(500))
    await writeFile(join(directory, 'huge.json'), `${' '.repeat(100_000)}{}`)
    await mkdir(join(directory, 'folder.json'))
    execFileSync('mkfifo', [join(directory, 'pipe.json')])
    await writeFile(join(directory, 'notes.txt'), 'not looked at')
    await plant(directory, 'good')
    const { addresses, detail } = await look(directory)
    expect(addresses).toEqual([{ host: '127.0.0.1', port: 7_000 }])
    expect(detail).toContain('6 files that are no records')
    expect((await readdir(directory)).length).toBe(8)
  })
})

describe('a look into the directory', () => {
  it('reads and gives no more than the limits, and tells so', async () => {
    const directory = await temporaryDirectory()
    for (let port = 7_001; port <= 7_020; port++) {
      await plant(directory, `shop-${port}`, { address: { host: '127.0.0.1', port } })
    }
    const records = await look(directory, { recordsMax: 12 })
    expect(records.addresses.length).toBe(12)
    expect(records.detail).toContain('8 files not read (recordsMax)')
    const addresses = await look(directory, { addressesMax: 5 })
    expect(addresses.addresses.length).toBe(5)
    expect(addresses.detail).toContain('15 more left out (addressesMax)')
  })

  it('of something that is no directory finds nothing and says why', async () => {
    const file = join(await temporaryDirectory(), 'file')
    await writeFile(file, '')
    const { addresses, detail } = await look(file)
    expect([addresses, detail]).toEqual([[], expect.stringContaining('ENOTDIR')])
  })

  it('ends when its signal aborts', async () => {
    const directory = await temporaryDirectory()
    const error = await errorOf(() => node(directory).find(AbortSignal.abort()))
    expect(error.code).toBe('ERR_NODOSUM_CANCELLED')
  })
})

describe('an announcement', () => {
  it('is refused with an address that nobody can dial, and leaves nothing', async () => {
    const directory = await temporaryDirectory()
    for (const address of [
      { host: '0.0.0.0', port: 7_000 },
      { host: 'localhost', port: 7_000 },
      { host: '127.0.0.1', port: 0 },
    ]) {
      const self = { ...announcement('shop-1'), address }
      const error = await errorOf(() => node(directory).announce(self))
      expect([error.code, error.message]).toEqual([invalid, expect.stringContaining(address.host)])
    }
    expect(await readdir(directory)).toEqual([])
  })

  it('is refused with the directory and the remedy when it cannot be written', async () => {
    const file = join(await temporaryDirectory(), 'file')
    await writeFile(file, '')
    const error = await errorOf(() => node(file).announce(announcement('shop-1')))
    expect(error.code).toBe(invalid)
    expect(error.message).toContain(file)
    expect(error.message).toContain('choose another')
    expect(error.details).toEqual({ directory: file })
    await node(file).withdraw()
  })
})
