import { type Direction, directions, type PerDirection } from './faults.ts'

/** Everything that a proxy can do to what passes. */
export const faultNames = [
  'delay',
  'jitter',
  'loss',
  'duplication',
  'reordering',
  'corruption',
  'rate',
  'blackhole',
  'halfOpen',
  'stall',
  'reset',
  'overflow',
] as const
export type FaultName = (typeof faultNames)[number]

const trafficNames = [
  'received',
  'receivedBytes',
  'delivered',
  'deliveredBytes',
  'discarded',
  'discardedBytes',
  'failed',
  'overtaken',
] as const

/**
 * What a proxy saw and did in one direction; the numbers only grow. A fault counts each datagram,
 * chunk or connection it hit:
 *
 * - `rate` what had to wait behind earlier traffic, `stall` what was held up by a stall, `overflow`
 *   what a limit of the proxy refused;
 * - `overtaken` datagrams that left after one which had come later, for whatever reason;
 * - `discarded` what was under way when its connection or the proxy ended, `failed` what the system
 *   refused to send.
 *
 * For datagrams, `received + duplication` is the sum of `delivered`, `loss`, `blackhole`,
 * `halfOpen`, `overflow`, `discarded`, `failed` and what is still under way. For byte streams,
 * `receivedBytes` is the sum of `deliveredBytes`, `discardedBytes` and what is still under way.
 */
export type DirectionCounters = Readonly<Record<FaultName | (typeof trafficNames)[number], number>>

/** The counters of a direction while they are being counted. */
export type Tally = { -readonly [Name in keyof DirectionCounters]: DirectionCounters[Name] }

export function newTally(): Tally {
  const names = [...trafficNames, ...faultNames]
  return Object.fromEntries(names.map((name) => [name, 0])) as Tally
}

/** What a test expects of a fault. */
export interface Expectation {
  /** Only this direction; default both together. */
  readonly direction?: Direction | undefined
  /** Fewest times; default 1. */
  readonly min?: number | undefined
}

/** @throws Error when the fault hit less than expected: a fault that never fired proves nothing. */
export function expectFired(
  counters: PerDirection<DirectionCounters>,
  fault: FaultName,
  { direction, min = 1 }: Expectation = {},
): void {
  if (!faultNames.includes(fault)) {
    throw new Error(`there is no fault '${String(fault)}'; known are ${faultNames.join(', ')}`)
  }
  const asked: readonly Direction[] = direction === undefined ? directions : [direction]
  const fired = asked.reduce((sum, one) => sum + counters[one][fault], 0)
  if (fired >= min) return
  const seen = asked.map((one) => `${counters[one][fault]} of ${counters[one].received} ${one}`)
  throw new Error(`${fault} fired ${fired} times, expected at least ${min} (${seen.join(', ')})`)
}
