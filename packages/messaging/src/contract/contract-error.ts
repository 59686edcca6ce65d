// Registered globally, so an error is recognised although two copies of this package are loaded.
const brand: symbol = Symbol.for('nodosum.contract-error')

/**
 * An error that a contract declares. A handler throws one; the caller gets it with its code and its
 * data. Make it with `shop.reserve.error('OUT_OF_STOCK', data)`, recognise it with
 * `shop.reserve.isError(error, 'OUT_OF_STOCK')`.
 */
export class ContractError<Code extends string = string, Data = unknown> extends Error {
  /** As the contract names it. */
  readonly code: Code
  readonly data: Data
  readonly application: string
  readonly method: string
  /** The node whose handler threw it; null where it was made. */
  readonly node: string | null

  constructor(
    origin: { readonly application: string; readonly method: string; readonly node: string | null },
    code: Code,
    data: Data,
    message: string,
  ) {
    super(message)
    this.code = code
    this.data = data
    this.application = origin.application
    this.method = origin.method
    this.node = origin.node
  }
}

Object.defineProperties(ContractError.prototype, {
  [brand]: { value: true },
  name: { value: 'ContractError', writable: true, configurable: true },
})

/** Whether a value is an error that this method declares. */
export function isContractError(
  value: unknown,
  method: { readonly application: string; readonly name: string },
): value is ContractError {
  if (typeof value !== 'object' || value === null) return false
  if ((value as Record<symbol, unknown>)[brand] !== true) return false
  const error = value as ContractError
  return error.application === method.application && error.method === method.name
}
