import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { machine } from '../machine.ts'
import type { ClusterResult, ClusterRun } from './run-cluster.ts'

/** What a run of `chaos cluster` leaves in the file of `--save`. */
export type ClusterRecord = Record<string, unknown> &
  Pick<ClusterRun, 'nodes' | 'fault' | 'seed' | 'brief' | 'from'> &
  Omit<ClusterResult, 'directory'>

/** Adds a run to those in a file, which is a JSON array. */
export function saveRecord(file: string, run: ClusterRun, result: ClusterResult): void {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as unknown[]) : []
  const { nodes, fault, seed, brief, from } = run
  const { directory: _, ...rest } = result
  const record: ClusterRecord = { ...machine(), nodes, fault, seed, brief, from, ...rest }
  writeFileSync(file, `${JSON.stringify([...before, record], null, 2)}\n`)
}
