import { mkdir, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { NodosumError } from '@nodosum/kernel'
import { storeFailed, writeFileAtomic } from '@nodosum/kernel/node'

const prefix = 'ngr1_'

/** More than a ring can have. */
const bytesMax = 65_536

/**
 * Keeps what nodes share of their gossip keys in one file that only this user reads: `ngr1_` and the
 * bytes in base64url. It is replaced as a whole, so that a full disk leaves the old one.
 */
export class KeyRingFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Undefined when there is no file.
   *
   * @throws ERR_NODOSUM_STORE_FAILED
   */
  async load(): Promise<Uint8Array | undefined> {
    try {
      const text = await readFile(this.#path, 'latin1')
      // What is no such text decodes to nothing, which is no ring.
      if (!text.startsWith(prefix) || text.length > bytesMax) return new Uint8Array(0)
      return Buffer.from(text.slice(prefix.length), 'base64url')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw storeFailed('the gossip keys', this.#path, error)
    }
  }

  /** @throws ERR_NODOSUM_STORE_FULL, ERR_NODOSUM_STORE_FAILED; the file is then as it was */
  async save(shared: Uint8Array): Promise<void> {
    try {
      await mkdir(dirname(this.#path), { recursive: true })
      const text = `${prefix}${Buffer.from(shared).toString('base64url')}\n`
      await writeFileAtomic(this.#path, text, { mode: 0o600 })
    } catch (error) {
      throw storeFailed('the gossip keys', this.#path, error)
    }
  }

  /** Moves a damaged file out of the way and says so. */
  async putAside(cause: unknown): Promise<NodosumError> {
    const aside = `${this.#path}.damaged`
    await rename(this.#path, aside).catch(() => undefined)
    return new NodosumError(
      'ERR_NODOSUM_STORE_CORRUPT',
      `${this.#path} is damaged and was moved to ${aside}: this node begins with the gossip keys ` +
        'of its options and gets the others from the cluster',
      { cause, details: { path: this.#path } },
    )
  }
}
