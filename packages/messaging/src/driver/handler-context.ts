import type { TypedCalls } from '../contract/typed-calls.ts'
import type { Envelope } from '../wire/envelope.ts'

/** What a handler learns about what it was given. */
export interface MessageContext {
  readonly from: string
  /** Whom the certificate of the sender names, as a URI; null when this node sent it itself. */
  readonly identity: string | null
  readonly messageId: string
  readonly application: string
  readonly lane: string
  readonly signal: AbortSignal
  readonly deadlineMs: number | null
  readonly key: string | null
  /** 1 for the first time that this request was sent, 2 when it was sent again, and so on. */
  readonly attempt: number
  /** Whether an earlier attempt may have been handled already. */
  readonly redelivered: boolean
  /** What the sender gave as `headers`; frozen, empty when there are none. */
  readonly headers: Readonly<Record<string, string>>
  /** Calls to other nodes, and to this one, by contract. */
  readonly node: TypedCalls
}

/** What all that arrives on one lane has in common. */
export interface Origin {
  readonly from: string
  readonly identity: string | null
  readonly application: string
  readonly lane: string
  readonly idPrefix: string
  readonly node: TypedCalls
}

/** The context; its signal costs something only when somebody looks at it. */
export class HandlerContext implements MessageContext {
  readonly deadlineMs: number | null
  readonly #origin: Origin
  readonly #envelope: Envelope
  readonly #sequence: number
  #aborted = false
  #controller: AbortController | null = null

  constructor(origin: Origin, sequence: number, envelope: Envelope, deadlineMs: number | null) {
    this.deadlineMs = deadlineMs
    this.#origin = origin
    this.#envelope = envelope
    this.#sequence = sequence
  }

  get from(): string {
    return this.#origin.from
  }

  get identity(): string | null {
    return this.#origin.identity
  }

  get application(): string {
    return this.#origin.application
  }

  get lane(): string {
    return this.#origin.lane
  }

  get key(): string | null {
    return this.#envelope.key
  }

  get attempt(): number {
    return this.#envelope.attempt
  }

  get redelivered(): boolean {
    return this.#envelope.redelivered
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#envelope.headers
  }

  get node(): TypedCalls {
    return this.#origin.node
  }

  get messageId(): string {
    return this.#origin.idPrefix + this.#sequence
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort()
    }
    return this.#controller.signal
  }

  get aborted(): boolean {
    return this.#aborted
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort()
  }
}
