/** What the processes of a flood say to each other. */

/** What is sent, and from where; `retry` to a transport without gossip keys, the others to a cluster. */
export const floodKinds = [
  'garbage',
  'initials',
  'replay-stranger',
  'replay-member',
  'retry',
] as const
export type FloodKind = (typeof floodKinds)[number]

/** To a node, or to the attacker. */
export type Order =
  /** To a node: asks another one for echoes, so many a second, and says how long each took. */
  | { readonly order: 'measure'; readonly to: string; readonly ms: number }
  | { readonly order: 'state' }
  /** To the attacker. */
  | { readonly order: 'attack'; readonly attack: Attack }
  /** To the attacker: counts what comes to it while it does nothing. */
  | { readonly order: 'rest'; readonly ms: number }
  | { readonly order: 'close' }

export interface Attack {
  readonly kind: FloodKind
  readonly packetsPerSecond: number
  readonly ms: number
}

export type Answer =
  | { readonly answer: 'ready'; readonly port: number }
  | {
      readonly answer: 'measured'
      readonly latenciesMs: readonly number[]
      readonly failed: number
    }
  | ({ readonly answer: 'state' } & NodeState)
  | ({ readonly answer: 'attacked' } & Attacked)
  | { readonly answer: 'failed'; readonly message: string }

/** What a node says of itself. */
export interface NodeState {
  /** QUIC connections that there are, those in their handshake as well. */
  readonly connections: number
  /** QUIC connections that it ever accepted. */
  readonly accepted: number
  /** Those that it has not given up, itself included. */
  readonly members: readonly string[]
  /** Counters of the QUIC endpoint. */
  readonly counters: Readonly<Record<string, number>>
}

/** What an attack was, as its process saw it. */
export interface Attacked {
  readonly sent: number
  readonly sentBytes: number
  /** Different datagrams that were sent again and again. */
  readonly different: number
  /** Datagrams that came to the sockets of strangers. */
  readonly toStrangers: number
  readonly bytesToStrangers: number
  /** Datagrams that came to the port of the member that this process is, as well. */
  readonly toMember: number
}
