import type { Step } from '../step.ts'

/** What most scenarios begin with: a cluster in which everybody knows everybody. */
export function startCluster(hosts: readonly string[]): Step[] {
  return [
    { do: 'start', hosts, overMs: Math.min(1_000, hosts.length * 10), alone: hosts.slice(0, 1) },
    { do: 'await', until: { kind: 'converged' }, withinMs: 60_000 },
    { do: 'run', forMs: 5_000 },
    { do: 'measure' },
  ]
}

/** What most scenarios end with: everything is repaired, and all views become the truth. */
export function healAndConverge(hosts: readonly string[], withinMs: number): Step[] {
  return [
    { do: 'heal' },
    { do: 'restart', hosts },
    { do: 'await', until: { kind: 'converged' }, withinMs },
    { do: 'run', forMs: 15_000 },
    { do: 'await', until: { kind: 'agreed' }, withinMs: 15_000 },
  ]
}
