import type { NodosumError } from '@nodosum/kernel'
import type { PayloadCodec } from '../adapters/cbor-payload.ts'

/** How much may be on its way to a consumer, or wait in it. */
export interface StreamWindow {
  readonly items: number
  readonly bytes: number
}

/** What `take` resolves to after the last item. */
export const streamEnd: unique symbol = Symbol('the end of a stream')

/** What a consumer says to its producer. */
export interface ConsumerHost {
  /** Up to how many items and bytes, from the start, may be sent. */
  grant(items: number, bytes: number): void
  /** Its consumer wants no more. Called once at most, and not when the stream has ended. */
  stopped(): void
}

interface Item {
  readonly bytes: Uint8Array
  readonly cbor: boolean
}

/** The receiving end of one streaming reply: what has come and was not taken, within the window. */
export class StreamConsumer {
  readonly peer: string
  readonly #host: ConsumerHost
  readonly #codec: PayloadCodec
  readonly #window: StreamWindow
  #items: Item[] = []
  #receivedItems = 0
  #receivedBytes = 0
  #takenItems = 0
  #takenBytes = 0
  #grantedItems: number
  #grantedBytes: number
  #isOver = false
  #error: NodosumError | null = null
  #wake: (() => void) | null = null

  constructor(peer: string, host: ConsumerHost, codec: PayloadCodec, window: StreamWindow) {
    this.peer = peer
    this.#host = host
    this.#codec = codec
    this.#window = window
    this.#grantedItems = window.items
    this.#grantedBytes = window.bytes
  }

  /** Whether anything has come: so the handler has started. */
  get hasStarted(): boolean {
    return this.#receivedItems > 0
  }

  /** Resolves when there is something to take: an item or the end. One call at a time. */
  async answered(): Promise<void> {
    while (this.#items.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** The error with which it ended before anything came; null else. */
  get refusal(): NodosumError | null {
    return this.hasStarted ? null : this.#error
  }

  /** Bytes that wait here. */
  get heldBytes(): number {
    return this.#receivedBytes - this.#takenBytes
  }

  /**
   * The next item, or `streamEnd`. One call at a time. Items that came before an error are given
   * first.
   *
   * @throws what ended the stream, each time; `PAYLOAD_INVALID` for an item that does not decode
   */
  async take(): Promise<unknown> {
    await this.answered()
    const item = this.#items.shift()
    if (item === undefined) {
      if (this.#error !== null) throw this.#error
      return streamEnd
    }
    this.#takenItems += 1
    this.#takenBytes += item.bytes.length
    this.#grant()
    return this.#codec.decode(item.bytes, item.cbor)
  }

  /** An item arrived. False when more came than was granted: the peer breaks the protocol. */
  item(bytes: Uint8Array, cbor: boolean): boolean {
    if (this.#isOver) return true
    if (this.#receivedItems >= this.#grantedItems || this.#receivedBytes >= this.#grantedBytes) {
      return false
    }
    this.#receivedItems += 1
    this.#receivedBytes += bytes.length
    // A copy: a view, as the slice of a Buffer is, would keep all of the chunk that it came with.
    this.#items.push({ bytes: new Uint8Array(bytes), cbor })
    this.#awake()
    return true
  }

  /** The producer has finished, or nothing more can come. */
  ended(error: NodosumError | null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#error = error
    this.#awake()
  }

  /** Nobody takes more: what waits is forgotten, and `take` gives the error. */
  stop(error: NodosumError | null): void {
    const wasOver = this.#isOver
    this.#isOver = true
    this.#error = error
    this.#items = []
    this.#takenBytes = this.#receivedBytes
    if (!wasOver) this.#host.stopped()
    this.#awake()
  }

  /** Tells the producer once half a window was taken, not for each item. */
  #grant(): void {
    if (this.#isOver) return
    const items = this.#takenItems + this.#window.items
    const bytes = this.#takenBytes + this.#window.bytes
    const isDue =
      (items - this.#grantedItems) * 2 >= this.#window.items ||
      (bytes - this.#grantedBytes) * 2 >= this.#window.bytes
    if (!isDue) return
    this.#grantedItems = items
    this.#grantedBytes = bytes
    this.#host.grant(items, bytes)
  }

  #awake(): void {
    this.#wake?.()
    this.#wake = null
  }
}
