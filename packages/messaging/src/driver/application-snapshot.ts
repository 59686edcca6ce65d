/** An accepted message that did not end as delivered. */
export interface Undelivered {
  readonly application: string
  readonly messageId: string
  readonly to: string
  readonly code: string
}

export interface ApplicationSnapshot {
  readonly accepted: number
  readonly delivered: number
  readonly rejected: number
  readonly expired: number
  readonly unknown: number
  readonly inFlight: number
  readonly refused: number
  readonly received: number
  readonly handlerErrors: number
}
