import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type BootId, NodosumError } from '@nodosum/kernel'
import { processIsAlive, writeFileAtomic } from '@nodosum/kernel/node'
import type { Announcement, Discovery, Found } from '../discovery.ts'
import { type DiscoveryOptions, discoveryOptions } from '../options.ts'
import { abortable } from './abortable.ts'
import { type NodeRecord, parseRecord, recordBytesMax, recordText } from './node-record.ts'
import { AddressList, nothingFrom, type Problem } from './resolve-seeds.ts'
import { isDialable } from './seed-address.ts'

export interface DevelopmentDirectoryDiscoveryOptions {
  /** Shared by all nodes of one cluster on one machine; made with mode 0700. */
  readonly directory: string
  readonly options?: Partial<DiscoveryOptions> | undefined
}

/**
 * Finds members through a directory of one machine, for development: each node writes a record
 * `<nodeId>.json` and removes it when it closes. Records of dead processes are passed over and
 * removed. A record is a hint and never trusted: who a peer is, its certificate says.
 */
export function developmentDirectoryDiscovery(
  options: DevelopmentDirectoryDiscoveryOptions,
): Discovery {
  return new DirectoryDiscovery(options.directory, discoveryOptions.parse(options.options))
}

class DirectoryDiscovery implements Discovery {
  readonly #directory: string
  readonly #limits: DiscoveryOptions
  #self: Announcement | undefined

  constructor(directory: string, limits: DiscoveryOptions) {
    this.#directory = directory
    this.#limits = limits
  }

  find(signal: AbortSignal): Promise<Found> {
    return abortable(signal, () => this.#look())
  }

  /** @throws ERR_NODOSUM_CONFIG_INVALID an address nobody can dial, or a directory without room */
  async announce(self: Announcement): Promise<void> {
    if (!isDialable(self.address)) {
      const { host, port } = self.address
      throw new NodosumError(
        'ERR_NODOSUM_CONFIG_INVALID',
        `${JSON.stringify(host)} port ${port} cannot be announced: it is no address to dial`,
      )
    }
    const record = { ...self, pid: process.pid, machine: hostname() }
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 })
      await writeFileAtomic(this.#file(self.nodeId), recordText(record), { mode: 0o600 })
    } catch (error) {
      throw new NodosumError(
        'ERR_NODOSUM_CONFIG_INVALID',
        `The record of this node cannot be written to ${this.#directory}: ` +
          `${(error as Error).message}; correct the directory's owner or choose another`,
        { cause: error, details: { directory: this.#directory } },
      )
    }
    this.#self = self
  }

  async withdraw(): Promise<void> {
    const self = this.#self
    if (self === undefined) return
    this.#self = undefined
    await removeRecord(this.#file(self.nodeId), self.bootId)
  }

  async #look(): Promise<Found> {
    const { recordsMax, addressesMax } = this.#limits
    const names = await readdir(this.#directory).catch((error: unknown) => error as Error)
    if (names instanceof Error) return nothingFrom(this.#directory, unreadable(names))
    const files = names.filter((name) => name.endsWith('.json'))
    const addresses = new AddressList(addressesMax)
    const passed = { self: 0, dead: 0, elsewhere: 0, malformed: 0 }
    for (const name of files.slice(0, recordsMax)) {
      const file = join(this.#directory, name)
      const record = await readRecord(file)
      if (record === undefined) continue
      const state = record === 'malformed' ? record : this.#stateOf(record)
      if (state !== 'found') passed[state] += 1
      else if (record !== 'malformed') addresses.add(record.address)
      if (state === 'dead' && record !== 'malformed') await removeRecord(file, record.bootId)
    }
    const notes = Object.entries(passed).filter(([, count]) => count > 0)
    const problems: Problem[] = notes.map(([state, count]) => ({
      reason: state === 'malformed' ? 'malformed' : 'empty',
      text: `${count} ${passedOver.get(state) ?? state}`,
    }))
    const beyond = files.length - recordsMax
    if (beyond > 0) {
      problems.push({ reason: 'tooLarge', text: `${beyond} files not read (recordsMax)` })
    }
    return addresses.from(this.#directory, problems)
  }

  #stateOf(record: NodeRecord): 'found' | 'self' | 'dead' | 'elsewhere' {
    if (record.bootId === this.#self?.bootId) return 'self'
    if (record.machine !== hostname()) return 'elsewhere'
    return processIsAlive(record.pid) ? 'found' : 'dead'
  }

  #file(nodeId: string): string {
    return join(this.#directory, `${nodeId}.json`)
  }
}

function unreadable(error: NodeJS.ErrnoException): Problem {
  if (error.code === 'ENOENT') {
    return { reason: 'empty', text: 'nobody has announced itself there yet' }
  }
  return { reason: error.code === 'EACCES' ? 'denied' : 'failed', text: error.message }
}

const passedOver: ReadonlyMap<string, string> = new Map([
  ['self', 'of this node itself'],
  ['dead', 'of dead processes removed'],
  ['elsewhere', 'of another machine passed over'],
  ['malformed', 'files that are no records'],
])

async function readRecord(path: string): Promise<NodeRecord | 'malformed' | undefined> {
  try {
    // Of a pipe, a blocking open would wait for a writer.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      const bytes = Buffer.alloc(recordBytesMax)
      const { bytesRead } = await file.read(bytes, 0, recordBytesMax, 0)
      return parseRecord(bytes.toString('utf8', 0, bytesRead)) ?? 'malformed'
    } finally {
      await file.close()
    }
  } catch (error) {
    // Withdrawn since the directory was read.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'malformed'
  }
}

/**
 * Removes the record if it is still of that start. A new start may replace it at any moment, so it
 * is taken aside first, and put back when it turns out to be another's.
 */
async function removeRecord(path: string, bootId: BootId): Promise<void> {
  const aside = `${path}.${randomUUID()}.gone`
  try {
    await rename(path, aside)
  } catch {
    return
  }
  const record = await readRecord(aside)
  const other = record === 'malformed' || record?.bootId !== bootId
  if (other) await link(aside, path).catch(() => {})
  await unlink(aside).catch(() => {})
}
