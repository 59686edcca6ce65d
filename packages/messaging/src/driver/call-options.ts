import type { NodosumError } from '@nodosum/kernel'
import type { LaneClass } from '../ports.ts'

/** How one copy of a broadcast ended. */
export type Outcome =
  | { readonly status: 'accepted' | 'delivered' }
  | {
      readonly status: 'refused' | 'rejected' | 'expired' | 'unknown'
      readonly code: string
      /** The same code with its words and its cause. */
      readonly error: NodosumError
    }

export interface SendOptions {
  readonly confirm?: 'accepted' | 'received' | 'handled' | undefined
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface BroadcastOptions extends SendOptions {
  readonly includeSelf?: boolean | undefined
}

export interface RequestOptions {
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly idempotent?: boolean | undefined
  readonly attemptsMax?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface LaneOptions {
  readonly class?: LaneClass | undefined
}
