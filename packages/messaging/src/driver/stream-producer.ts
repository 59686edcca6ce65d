import { NodosumError, type Scheduler, type TimerHandle } from '@nodosum/kernel'
import type { EncodedPayload, PayloadCodec } from '../adapters/cbor-payload.ts'
import type { StreamHandler } from '../contract/implement.ts'
import type { Failure } from '../wire/message-frames.ts'
import { declaredFailure, isTooLarge, refusal, tooLarge } from './failure.ts'
import type { HandlerContext } from './handler-context.ts'
import type { Handlers } from './handlers.ts'
import type { StreamWindow } from './stream-consumer.ts'

/** What a producer needs of the lane on which its items leave. */
export interface ProducerHost {
  readonly codec: PayloadCodec
  readonly handlers: Handlers
  readonly scheduler: Scheduler
  readonly bytesMax: number
  /** False when the lane has no room; `resume` is called when it may have some again. */
  item(payload: EncodedPayload): boolean
  /** The last word. */
  end(failure: Failure | null): void
  /** The handler has ended, and so has everything about this stream. */
  finished(): void
}

/** The sending end of one streaming reply: runs its handler as fast as the consumer takes items. */
export class StreamProducer {
  readonly #host: ProducerHost
  readonly #handler: StreamHandler
  readonly #context: HandlerContext
  #limits: StreamWindow
  #sentItems = 0
  #sentBytes = 0
  #isOver = false
  #iterator: AsyncIterator<unknown> | null = null
  #wake: (() => void) | null = null
  #deadline: TimerHandle | null = null

  constructor(
    host: ProducerHost,
    handler: StreamHandler,
    context: HandlerContext,
    window: StreamWindow,
  ) {
    this.#host = host
    this.#handler = handler
    this.#context = context
    this.#limits = window
  }

  /** Runs to the end; never rejects. */
  async run(body: Uint8Array, cbor: boolean): Promise<void> {
    const { deadlineMs } = this.#context
    if (deadlineMs !== null) {
      this.#deadline = this.#host.scheduler.after(deadlineMs, () => {
        this.stop(refusal('ERR_NODOSUM_REQUEST_TIMEOUT', 'the deadline of the stream has passed'))
      })
    }
    try {
      await this.#produce(body, cbor)
    } catch (error) {
      await this.#threw(error)
    }
    this.#deadline?.cancel()
    this.#host.finished()
  }

  /** The consumer takes more, up to here. What was granted is never taken back. */
  granted(items: number, bytes: number): void {
    this.#limits = {
      items: Math.max(items, this.#limits.items),
      bytes: Math.max(bytes, this.#limits.bytes),
    }
    this.resume()
  }

  /** There may be room again. */
  resume(): void {
    this.#wake?.()
    this.#wake = null
  }

  /** Ends the handler. @param failure what the consumer is told; null when it asked for the end */
  stop(failure: Failure | null): void {
    if (this.#isOver) return
    this.#isOver = true
    if (failure !== null) this.#host.end(failure)
    this.#context.abort()
    this.resume()
    // A handler that waits in its next step hears of it by its signal, or when the step is done.
    this.#iterator?.return?.().then(undefined, (error: unknown) => this.#log(error))
  }

  async #produce(body: Uint8Array, cbor: boolean): Promise<void> {
    const { codec } = this.#host
    const payload = this.#decoded(codec, body, cbor)
    if (this.#isOver) return
    const iterator = await this.#handler.open(payload, this.#context)
    this.#iterator = iterator
    if (this.#isOver) return void (await iterator.return?.())
    for (;;) {
      await this.#credit()
      if (this.#isOver) return
      const step = await iterator.next()
      if (this.#isOver) return
      if (step.done === true) return this.#end(null)
      await this.#send(step.value)
      if (this.#isOver) return
    }
  }

  #decoded(codec: PayloadCodec, body: Uint8Array, cbor: boolean): unknown {
    try {
      return codec.decode(body, cbor)
    } catch (error) {
      this.#end(refusal('ERR_NODOSUM_PAYLOAD_INVALID', (error as Error).message))
      return undefined
    }
  }

  async #send(item: unknown): Promise<void> {
    const checked = await this.#handler.check(item)
    const { codec, bytesMax } = this.#host
    const encoded = codec.encode(checked, 'item')
    const { length } = encoded.bytes
    if (isTooLarge(length, 0, bytesMax)) throw tooLarge('the item', length, 0, bytesMax)
    while (!this.#isOver && !this.#host.item(encoded)) await this.#room()
    this.#sentItems += 1
    this.#sentBytes += length
  }

  /** Waits until the consumer takes another item. The one that reaches the bytes may exceed them. */
  async #credit(): Promise<void> {
    while (!this.#isOver) {
      const { items, bytes } = this.#limits
      if (this.#sentItems < items && this.#sentBytes < bytes) return
      await this.#room()
    }
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #end(failure: Failure | null): void {
    this.#isOver = true
    this.#host.end(failure)
  }

  /** The handler threw, or gave what cannot be sent. */
  async #threw(error: unknown): Promise<void> {
    const { codec, bytesMax } = this.#host
    if (this.#isOver) return this.#log(error)
    const told = await this.#handler.failure(error)
    this.#log(told)
    if (this.#isOver) return
    this.#end(declaredFailure(told, codec, bytesMax))
    try {
      await this.#iterator?.return?.()
    } catch (late) {
      this.#log(late)
    }
  }

  #log(error: unknown): void {
    // Whoever was told to end may say so.
    if (this.#context.aborted && isAbort(error)) return
    this.#host.handlers.failed('streaming', this.#context.from, error)
  }
}

/** An error that says no more than that a signal aborted. */
function isAbort(error: unknown): boolean {
  if (error instanceof NodosumError) return error.code === 'ERR_NODOSUM_CANCELLED'
  return error instanceof Error && error.name === 'AbortError'
}
