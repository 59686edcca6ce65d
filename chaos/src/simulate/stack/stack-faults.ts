import type { Random } from '@nodosum/kernel'
import type { StackFaults, StackScenario } from './stack-scenarios.ts'

/** Something that is done to the cluster, at a time after its start. */
export type StackFault = { readonly atMs: number } & (
  | { readonly kind: 'break' | 'heal' }
  | { readonly kind: 'kill' | 'restart' | 'pause' | 'resume' | 'drain'; readonly node: string }
  | { readonly kind: 'partition'; readonly groups: readonly (readonly string[])[] }
)

/** How long they last at most. */
const partitionMaxMs = 6_000
const downMaxMs = 6_000
const pauseMaxMs = 4_000

/** A scenario that draws has about half of its kinds of faults in each seed. */
export function faultsOf(scenario: StackScenario, random: Random): StackFaults {
  const { faults, draws } = scenario
  if (!draws) return faults
  const keep = <Value>(value: Value, otherwise: Value): Value =>
    random.integer(0, 1) === 0 ? otherwise : value
  return {
    breaksEveryMs: keep(faults.breaksEveryMs, null),
    partitionsEveryMs: keep(faults.partitionsEveryMs, null),
    killsEveryMs: keep(faults.killsEveryMs, null),
    pausesEveryMs: keep(faults.pausesEveryMs, null),
    drainsEveryMs: keep(faults.drainsEveryMs, null),
    drainsInTurn: faults.drainsInTurn,
    unkindNetwork: keep(faults.unkindNetwork, false),
  }
}

/** Draws every fault of a run, in the order of their times. */
export function drawFaults(
  faults: StackFaults,
  trafficMs: number,
  ids: readonly string[],
  random: Random,
): StackFault[] {
  const all: StackFault[] = []
  const node = (): string => random.pick(ids) as string
  const every = (everyMs: number | null, happen: (atMs: number) => void): void => {
    if (everyMs === null) return
    let atMs = random.integer(1, 2 * everyMs)
    for (; atMs < trafficMs; atMs += random.integer(1, 2 * everyMs)) happen(atMs)
  }
  every(faults.breaksEveryMs, (atMs) => void all.push({ atMs, kind: 'break' }))
  every(faults.partitionsEveryMs, (atMs) => {
    const mixed = random.shuffle([...ids])
    const size = random.integer(1, ids.length - 1)
    // At times somebody is in neither group, and reaches both.
    const left = random.integer(0, 3) === 0 ? 1 : 0
    const groups = [mixed.slice(0, size), mixed.slice(size, ids.length - left)]
    all.push({ atMs, kind: 'partition', groups: groups.filter((group) => group.length > 0) })
    all.push({ atMs: atMs + random.integer(100, partitionMaxMs), kind: 'heal' })
  })
  every(faults.killsEveryMs, (atMs) => {
    const victim = node()
    all.push({ atMs, kind: 'kill', node: victim })
    all.push({ atMs: atMs + random.integer(1, downMaxMs), kind: 'restart', node: victim })
  })
  every(faults.pausesEveryMs, (atMs) => {
    const victim = node()
    all.push({ atMs, kind: 'pause', node: victim })
    all.push({ atMs: atMs + random.integer(50, pauseMaxMs), kind: 'resume', node: victim })
  })
  every(faults.drainsEveryMs, (atMs) => void all.push({ atMs, kind: 'drain', node: node() }))
  return all.sort((a, b) => a.atMs - b.atMs)
}
