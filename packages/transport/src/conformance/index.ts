import { authenticationClauses } from './authentication-clauses.ts'
import { backpressureClauses } from './backpressure-clauses.ts'
import type { ConformanceClause } from './clause.ts'
import { closingClauses } from './closing-clauses.ts'
import { connectingClauses } from './connecting-clauses.ts'
import type { ConformanceHarness } from './harness.ts'
import { livenessClauses } from './liveness-clauses.ts'
import { streamClauses } from './stream-clauses.ts'
import { volumeClauses } from './volume-clauses.ts'

export type { ConformanceClause } from './clause.ts'
export type {
  CertificateFlaw,
  ConformanceHarness,
  ConformanceNode,
  ConformanceNodeOptions,
  ConformanceVolumes,
  StrangeListener,
  StrangeListenerOpen,
  Stranger,
  StrangerLeft,
} from './harness.ts'

/** Every promise of the contract, as checks without any test framework. */
export const conformanceClauses: readonly ConformanceClause[] = [
  ...authenticationClauses,
  ...connectingClauses,
  ...streamClauses,
  ...backpressureClauses,
  ...livenessClauses,
  ...closingClauses,
  ...volumeClauses,
]

/**
 * The clauses that a harness runs: all but its declared exceptions.
 *
 * @throws Error for an exception that names no clause
 */
export function clausesFor(harness: ConformanceHarness): readonly ConformanceClause[] {
  const { exceptions } = harness
  for (const name of Object.keys(exceptions)) {
    if (!conformanceClauses.some((clause) => clause.name === name)) {
      throw new Error(`there is no clause ${JSON.stringify(name)} to make an exception of`)
    }
  }
  return conformanceClauses.filter(({ name }) => !Object.hasOwn(exceptions, name))
}
