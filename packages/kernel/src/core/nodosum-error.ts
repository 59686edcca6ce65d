import { type ErrorClass, type ErrorCode, errorCatalog } from './error-catalog.ts'

/** A fact beside the message that a program may read. Never a payload or a secret. */
export type ErrorDetail = string | number | boolean | null | readonly string[]

// Registered globally, so an error is recognised although two copies of this package are loaded.
const brand: symbol = Symbol.for('nodosum.error')

const noDetails: Readonly<Record<string, ErrorDetail>> = Object.freeze({})

/** Every error of Nodosum. Recognise one by its `code`, with {@link isNodosumError}. */
export class NodosumError extends Error {
  /** Stable code, made for comparing. */
  readonly code: ErrorCode
  /** How a caller should take it; see {@link ErrorClass}. */
  readonly class: ErrorClass
  /** Whether the same call can succeed later without anybody changing anything. */
  readonly retryable: boolean
  /** Facts that belong to this failure; frozen, empty when there are none. */
  readonly details: Readonly<Record<string, ErrorDetail>>

  /**
   * @param code a code of the catalog
   * @param message what is wrong, where, and what to do
   * @param options `cause`: the error that led to this one; `details`: copied and frozen
   */
  constructor(
    code: ErrorCode,
    message: string,
    options?: { cause?: unknown; details?: Record<string, ErrorDetail> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause })
    const entry = errorCatalog[code]
    this.code = code
    this.class = entry.class
    this.retryable = entry.retryable
    this.details = options?.details === undefined ? noDetails : frozenCopy(options.details)
  }

  /** `NodosumError [CODE]: message`, as `String(error)` shows it. */
  override toString(): string {
    return `${this.name} [${this.code}]: ${this.message}`
  }
}

// Not fields: one whose name is a symbol cannot be declared in isolation, and the stack takes the
// name before fields are there. Not a static block: a bundler would rename the class for it, and
// an uncaught error prints the name of its class.
Object.defineProperties(NodosumError.prototype, {
  [brand]: { value: true },
  name: { value: 'NodosumError', writable: true, configurable: true },
})

/**
 * Whether a value is an error of Nodosum, of any installed copy of it, and, when `code` is given,
 * this one.
 */
export function isNodosumError(value: unknown, code?: ErrorCode): value is NodosumError {
  if (typeof value !== 'object' || value === null) return false
  if ((value as Record<symbol, unknown>)[brand] !== true) return false
  return code === undefined || (value as { code?: unknown }).code === code
}

function frozenCopy(details: Record<string, ErrorDetail>): Readonly<Record<string, ErrorDetail>> {
  const copy: Record<string, ErrorDetail> = {}
  for (const [key, value] of Object.entries(details)) {
    copy[key] = Array.isArray(value) ? Object.freeze([...value]) : value
  }
  return Object.freeze(copy)
}
