import type { Case } from './cases.ts'
import type { Round } from './pair.ts'

/** A case as it is reported: `rounds` are in its unit, in the order in which they ran. */
export interface CaseResult {
  readonly case: string
  readonly unit: string
  readonly rounds: readonly number[]
  readonly min: number
  readonly median: number
  readonly max: number
  readonly meta: Readonly<Record<string, number>>
}

/** The value below which a share of the values lies (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

/** One round in the unit of its case. */
export function valueOfRound({ unit, work }: Case, round: Round): number {
  if (round.value !== undefined) return round.value
  if (unit === 'ms') return percentile(round.latenciesUs, 0.5) / 1_000
  const perSecond = work.count / round.seconds
  return unit === 'MB/s' ? (perSecond * work.bytes) / 1e6 : perSecond
}

export function resultOf(one: Case, rounds: readonly Round[]): CaseResult {
  const values = rounds.map((round) => valueOfRound(one, round))
  const meta: Record<string, number> = {
    bytes: one.work.bytes,
    countPerRound: one.work.count,
    senderCpuUsPerMessage: rounded(
      percentile(
        rounds.map(({ cpuUs }) => cpuUs / one.work.count),
        0.5,
      ),
    ),
  }
  const latencies = rounds.flatMap(({ latenciesUs }) => latenciesUs)
  if (latencies.length > 0) {
    meta.p50Ms = rounded(percentile(latencies, 0.5) / 1_000)
    meta.p99Ms = rounded(percentile(latencies, 0.99) / 1_000)
  }
  for (const name of Object.keys(rounds[0]?.more ?? {})) {
    meta[name] = rounded(
      percentile(
        rounds.map(({ more }) => more[name] ?? Number.NaN),
        0.5,
      ),
    )
  }
  return {
    case: one.name,
    unit: one.unit,
    rounds: values.map(rounded),
    min: rounded(Math.min(...values)),
    median: rounded(percentile(values, 0.5)),
    max: rounded(Math.max(...values)),
    meta,
  }
}
