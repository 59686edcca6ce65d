import type { PolicySnapshot } from './application-policy.ts'

/** An accepted message that did not end as delivered. */
export interface Undelivered {
  readonly application: string
  readonly messageId: string
  readonly to: string
  readonly code: string
}

export interface ApplicationSnapshot extends PolicySnapshot {
  readonly accepted: number
  readonly delivered: number
  readonly rejected: number
  readonly expired: number
  readonly unknown: number
  readonly inFlight: number
  readonly refused: number
  readonly received: number
  readonly handlerErrors: number
  /** Asynchronous handlers of messages that run on this node. */
  readonly messagesRunning: number
  /** Handlers of requests that run on this node. */
  readonly requestsRunning: number
  /** Streaming replies that this node produces. */
  readonly streamsRunning: number
  /** Requests that wait for a handler on this node. */
  readonly requestsWaiting: number
}
