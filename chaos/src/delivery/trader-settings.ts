import type { Trouble } from './troubles.ts'

/** What the process of a run gets as JSON. */
export interface TraderSettings {
  readonly nodeId: string
  readonly port: number
  /** Where others reach it: the proxy in front of it, if there is one. */
  readonly advertise: string | null
  readonly directory: string
  /** How many founders form the cluster. */
  readonly expect: number
  readonly isSender: boolean
  readonly isReceiver: boolean
  /** What its handlers do wrong. */
  readonly trouble: Trouble
  /** Certificates are read again this often; 0 for never. */
  readonly reloadEveryMs: number
  /** Messages that nobody waits for, to each peer in each turn of 2 ms. */
  readonly burst: number
  /** It sends no more of them than this in its life. */
  readonly firesMax: number
}

/** What the runner asks of a process; `leave` is what a service does on SIGTERM. */
export type TraderOrder = 'rest' | 'close' | 'leave'

/** What it answers. */
export type TraderWord = { readonly word: 'ready' | 'resting' | 'progress'; readonly fires: number }
