import { NodosumError } from '@nodosum/kernel'
import type { GossipKeyRing, KeyRingChange } from './gossip-key-ring.ts'
import { KeyRingFile } from './key-ring-file.ts'

/** Most changes that wait for the disk. */
const waitingMax = 256

/** A ring whose changes are on disk before they hold, one after the other. */
export class KeptKeyRing {
  readonly ring: GossipKeyRing
  /** Called after each change. */
  onChange: (() => void) | null = null
  readonly #file: KeyRingFile | null
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** @param path null keeps it in memory only */
  constructor(ring: GossipKeyRing, path: string | null) {
    this.ring = ring
    this.#file = path === null ? null : new KeyRingFile(path)
  }

  /**
   * Takes up what was kept. A damaged file is put aside; the error that says so is returned, since
   * the node can do without.
   *
   * @throws ERR_NODOSUM_STORE_FAILED when the file cannot be read
   */
  async restore(): Promise<NodosumError | null> {
    const shared = await this.#file?.load()
    if (shared === undefined || this.#file === null) return null
    try {
      this.ring.replace(this.ring.merging(shared))
      return null
    } catch (error) {
      return await this.#file.putAside(error)
    }
  }

  /**
   * Makes a change of the ring as it then is, keeps it, and puts it into force. Resolves to whether
   * anything changed. What cannot be kept is not done.
   *
   * @throws what `make` throws; ERR_NODOSUM_STORE_FULL, ERR_NODOSUM_STORE_FAILED;
   *   ERR_NODOSUM_LIMIT_PENDING when 256 changes wait
   */
  change(make: (ring: GossipKeyRing) => KeyRingChange): Promise<boolean> {
    return this.#inTurn(async () => {
      const change = make(this.ring)
      if (!this.ring.differs(change)) return false
      await this.#file?.save(this.ring.shared(change))
      this.#apply(change)
      return true
    })
  }

  /**
   * The same for what the cluster already does: it holds although it cannot be kept, because a node
   * that did not follow would be cut off. Resolves to why it could not be kept, or null.
   */
  async follow(make: (ring: GossipKeyRing) => KeyRingChange): Promise<unknown> {
    return await this.#inTurn(async () => {
      const change = make(this.ring)
      if (!this.ring.differs(change)) return null
      const saving = this.#file?.save(this.ring.shared(change)) ?? Promise.resolve()
      const problem = await saving.then(
        () => null,
        (error: unknown) => error,
      )
      this.#apply(change)
      return problem
    })
  }

  #apply(change: KeyRingChange): void {
    this.ring.replace(change)
    this.onChange?.()
  }

  async #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= waitingMax) {
      throw new NodosumError(
        'ERR_NODOSUM_LIMIT_PENDING',
        `${waitingMax} changes of the gossip keys wait for the disk already`,
      )
    }
    this.#waiting += 1
    const turn = this.#last.then(task)
    this.#last = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#waiting -= 1
    }
  }
}
