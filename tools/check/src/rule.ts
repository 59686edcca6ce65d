import type { SourceTree } from './source-tree.ts'

/** One thing that is wrong, and where. */
export interface Problem {
  readonly file: string
  /** Counted from 1; absent when the whole file is meant. */
  readonly line?: number
  readonly message: string
}

/** A rule of the project that no ready-made tool knows. */
export interface Rule {
  readonly name: string
  check(tree: SourceTree): readonly Problem[]
}

export function formatProblem({ file, line, message }: Problem): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${message}`
}
