import type { Work } from './subject.ts'

/** A case: `<subject>-<work>`, in its own pair of processes. */
export interface Case {
  readonly name: string
  /** File under `subjects/`. */
  readonly subject: string
  /** What the field's users would use instead: left out by `--peers none`. */
  readonly isPeer: boolean
  readonly unit: 'msg/s' | 'MB/s' | 'ms' | 'req/s' | 'connections/s' | 'streams/s' | 'KiB'
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

/** The same subject with 128-byte and with 64 KiB messages. */
function onewayCases(subject: string): Case[] {
  const common = { subject, isPeer: false }
  return [
    { ...common, name: `${subject}-oneway`, unit: 'msg/s', work: oneway(2_000_000) },
    {
      ...common,
      name: `${subject}-oneway-64k`,
      unit: 'MB/s',
      work: { kind: 'oneway', count: 10_000, bytes: 65_536 },
    },
  ]
}

/** Both ends in one process, without a network: what the bookkeeping itself costs. */
function insideCases(subject: string, count: number, large: number): Case[] {
  const common = { subject, isPeer: false }
  return [
    {
      ...common,
      name: `${subject}-oneway`,
      unit: 'msg/s',
      work: { kind: 'inside', count, bytes: 128 },
    },
    {
      ...common,
      name: `${subject}-oneway-64k`,
      unit: 'MB/s',
      work: { kind: 'inside', count: large, bytes: 65_536 },
    },
  ]
}

/** A transport alone: its messages, and what its connections and streams cost. */
function transportCases(kind: 'h2' | 'quic'): Case[] {
  const subject = `transport-${kind}`
  return [
    ...onewayCases(subject),
    {
      name: `${subject}-connections`,
      subject: `${subject}-connections`,
      isPeer: false,
      unit: 'connections/s',
      work: request(1_000, 16),
    },
    {
      name: `${subject}-connection-memory`,
      subject: `${subject}-connection-memory`,
      isPeer: false,
      unit: 'KiB',
      work: { kind: 'memory', count: 1_000, bytes: 0 },
    },
    {
      name: `${subject}-streams`,
      subject: `${subject}-streams`,
      isPeer: false,
      unit: 'streams/s',
      work: request(10_000, 64),
    },
  ]
}

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
  { name: 'h2-oneway', subject: 'h2', isPeer: false, unit: 'msg/s', work: oneway(1_000_000) },
  { name: 'h2-request-1', subject: 'h2', isPeer: false, unit: 'ms', work: request(5_000, 1) },
  {
    name: 'h2-request-64',
    subject: 'h2',
    isPeer: false,
    unit: 'req/s',
    work: request(100_000, 64),
  },
  ...onewayCases('streams-quic'),
  ...onewayCases('streams-h2'),
  ...insideCases('streams-inside', 10_000_000, 40_000),
  ...insideCases('frames-inside', 20_000_000, 300_000),
  {
    name: 'streams-inside-move',
    subject: 'streams-inside',
    isPeer: false,
    unit: 'ms',
    work: request(2_000, 1),
  },
  ...transportCases('h2'),
  ...transportCases('quic'),
  ...onewayCases('transport-quic-1350'),
  ...onewayCases('limit-h2'),
  ...onewayCases('limit-tls'),
  ...onewayCases('limit-quic'),
  ...onewayCases('limit-quic-1350'),
  {
    name: 'shipped-quic-oneway',
    subject: 'shipped-quic',
    isPeer: true,
    unit: 'msg/s',
    work: oneway(30_000),
  },
  {
    name: 'shipped-quic-oneway-64k',
    subject: 'shipped-quic',
    isPeer: true,
    unit: 'MB/s',
    work: { kind: 'oneway', count: 200, bytes: 65_536 },
  },
]

/** Pairs of cases whose medians are compared: the first should be larger. */
export const ratios: readonly (readonly [string, string])[] = [
  ['quic-oneway', 'shipped-quic-oneway'],
  ['quic-oneway', 'limit-quic-oneway'],
  ['streams-quic-oneway', 'limit-quic-oneway'],
  ['streams-quic-oneway-64k', 'limit-quic-oneway-64k'],
  ['streams-inside-oneway', 'frames-inside-oneway'],
  ['streams-inside-oneway-64k', 'frames-inside-oneway-64k'],
  ['transport-quic-oneway', 'limit-quic-oneway'],
  ['transport-quic-oneway-64k', 'limit-quic-oneway-64k'],
  ['transport-quic-1350-oneway', 'limit-quic-1350-oneway'],
  ['transport-quic-1350-oneway-64k', 'limit-quic-1350-oneway-64k'],
  ['transport-quic-1350-oneway', 'shipped-quic-oneway'],
  ['transport-quic-1350-oneway-64k', 'shipped-quic-oneway-64k'],
  ['h2-oneway', 'limit-h2-oneway'],
  ['streams-h2-oneway', 'limit-h2-oneway'],
  ['streams-h2-oneway-64k', 'limit-h2-oneway-64k'],
  ['transport-h2-oneway', 'limit-h2-oneway'],
  ['transport-h2-oneway-64k', 'limit-h2-oneway-64k'],
  ['transport-h2-oneway', 'limit-tls-oneway'],
  ['transport-h2-oneway-64k', 'limit-tls-oneway-64k'],
]

/** The same work, small enough for a check that the case runs at all. */
export function brief(work: Work): Work {
  return { ...work, count: Math.ceil(work.count / 50) }
}
