/** Which way bytes go: `forward` from the client to the upstream, `backward` the other way. */
export const directions = ['forward', 'backward'] as const
export type Direction = (typeof directions)[number]

/** One value for each direction. */
export type PerDirection<T> = Readonly<Record<Direction, T>>

/**
 * What is done to one direction of any link. Meanings, units and ranges are in `fault-options.ts`;
 * a share is a probability from 0 to 1, drawn anew for each datagram or chunk.
 */
export interface LinkFaults {
  readonly delayMs: number
  readonly jitterMs: number
  readonly corruption: number
  readonly corruptionBits: number
  readonly rateBytesPerSecond: number | null
  readonly blackholeAboveBytes: number | null
  readonly halfOpen: boolean
  readonly stall: boolean
  readonly stallShare: number
  readonly stallTimeMs: number
}

/** What is done to datagrams of one direction. */
export interface UdpFaults extends LinkFaults {
  readonly loss: number
  readonly duplication: number
  readonly reordering: number
  readonly reorderByMs: number
  readonly rateQueueBytesMax: number
}

/** What is done to the byte streams of one direction; their bytes stay complete and in order. */
export interface TcpFaults extends LinkFaults {
  readonly resetAfterBytes: number | null
}

/** Some faults for both directions, then some for one: what `set` takes. */
export type FaultChange<F> = Partial<F> & {
  readonly [D in Direction]?: Partial<F> | undefined
}

const perfectLink: LinkFaults = {
  delayMs: 0,
  jitterMs: 0,
  corruption: 0,
  corruptionBits: 1,
  rateBytesPerSecond: null,
  blackholeAboveBytes: null,
  halfOpen: false,
  stall: false,
  stallShare: 0,
  stallTimeMs: 200,
}

/** A link that does nothing to datagrams. */
export const perfectUdp: UdpFaults = Object.freeze({
  ...perfectLink,
  loss: 0,
  duplication: 0,
  reordering: 0,
  reorderByMs: 10,
  rateQueueBytesMax: 262_144,
})

/** A link that does nothing to byte streams. */
export const perfectTcp: TcpFaults = Object.freeze({ ...perfectLink, resetAfterBytes: null })

/** The faults after a change; what it does not name stays as it was. */
export function changed<F extends LinkFaults>(
  current: PerDirection<F>,
  change: FaultChange<F>,
): PerDirection<F> {
  const { forward, backward, ...both } = change
  return {
    forward: Object.freeze({ ...current.forward, ...given(both), ...given(forward) }),
    backward: Object.freeze({ ...current.backward, ...given(both), ...given(backward) }),
  }
}

/** A key whose value is undefined changes nothing. */
function given<T extends object>(values: T | undefined): Partial<T> {
  const entries = Object.entries(values ?? {}).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Partial<T>
}
