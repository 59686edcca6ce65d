import type { Work } from './subject.ts'

/** A case: `<subject>-<work>`, in its own pair of processes. */
export interface Case {
  readonly name: string
  /** File under `subjects/`. */
  readonly subject: string
  /** What the field's users would use instead: left out by `--peers none`. */
  readonly isPeer: boolean
  readonly unit: 'msg/s' | 'ms' | 'req/s'
  /** One round; about a second on two cores. */
  readonly work: Work
}

const oneway = (count: number): Work => ({ kind: 'oneway', count, bytes: 128 })
const request = (count: number, inFlight: number): Work => ({
  kind: 'request',
  count,
  bytes: 128,
  inFlight,
})

export const cases: readonly Case[] = [
  {
    name: 'quic-oneway',
    subject: 'quic',
    isPeer: false,
    unit: 'msg/s',
    work: oneway(1_000_000),
  },
  { name: 'quic-request-1', subject: 'quic', isPeer: false, unit: 'ms', work: request(5_000, 1) },
  {
    name: 'quic-request-64',
    subject: 'quic',
    isPeer: false,
    unit: 'req/s',
    work: request(100_000, 64),
  },
  {
    name: 'shipped-quic-oneway',
    subject: 'shipped-quic',
    isPeer: true,
    unit: 'msg/s',
    work: oneway(30_000),
  },
]

/** Pairs of cases whose medians are compared: the first should be larger. */
export const ratios: readonly (readonly [string, string])[] = [
  ['quic-oneway', 'shipped-quic-oneway'],
]

/** The same work, small enough for a check that the case runs at all. */
export function brief(work: Work): Work {
  return { ...work, count: Math.ceil(work.count / 50) }
}
