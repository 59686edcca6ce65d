import type { Random } from '@nodosum/kernel'
import { unreachable } from '@nodosum/kernel'
import { type Fault, type FaultKind, faultKinds, type PlannedFault } from './faults.ts'
import type { LinkQuality } from './link-quality.ts'

/**
 * Faults for one run. Each run draws which kinds it has at all, so that over many seeds each
 * combination of kinds gets runs of its own (swarm testing: Groce and others, 2012).
 *
 * @param options.hosts names of all hosts; at most half of them are hurt by one fault
 * @param options.untilMs all faults have ended by then
 * @param options.faultsMax how many faults at most; at least one
 * @param options.kinds to draw from; default all
 */
export function randomFaults(options: {
  random: Random
  hosts: readonly string[]
  untilMs: number
  faultsMax: number
  kinds?: readonly FaultKind[]
}): PlannedFault[] {
  const { random, hosts, untilMs, faultsMax, kinds = faultKinds } = options
  const some = random.shuffle([...kinds]).slice(0, random.integer(1, Math.min(kinds.length, 5)))
  const count = random.integer(1, faultsMax)
  const plan = Array.from({ length: count }, (): PlannedFault => {
    const atMs = random.integer(0, Math.max(0, untilMs - 1_000))
    // As many short ones as long ones, whatever the unit: a second and a minute differ in kind.
    const longestMs = Math.max(1, untilMs - atMs)
    const forMs = Math.round(longestMs ** random.float())
    const kind = random.pick(some) ?? 'crash'
    return { atMs, forMs, fault: randomFault(kind, random, hosts) }
  })
  return plan.sort((a, b) => a.atMs - b.atMs)
}

function randomFault(kind: FaultKind, random: Random, all: readonly string[]): Fault {
  const hosts = someOf(random, all)
  switch (kind) {
    case 'crash':
    case 'power-loss':
    case 'disk-loss':
    case 'pause':
    case 'disk-stall':
      return { kind, hosts }
    case 'disk-clone':
      return { kind, hosts: hosts.slice(0, 1), from: random.pick(all) ?? '' }
    case 'stall': {
      const everyMs = random.integer(100, 5_000)
      return { kind, hosts, everyMs, stalledMs: random.integer(1, Math.floor(everyMs * 0.8)) }
    }
    case 'drift':
      return { kind, hosts, rate: 0.9 + random.float() * 0.2 }
    case 'partition':
      return { kind, groups: [hosts, all.filter((host) => !hosts.includes(host))] }
    case 'cut':
      return { kind, from: hosts, to: someOf(random, all) }
    case 'degrade': {
      const direction = random.pick(['ingress', 'egress'] as const) ?? 'ingress'
      return { kind, hosts, direction, quality: randomQuality(random) }
    }
    case 'link':
      return { kind, from: hosts, to: someOf(random, all), quality: randomQuality(random) }
    default:
      return unreachable(kind)
  }
}

/** One host as likely as several; never more than half, and in their order. */
function someOf(random: Random, all: readonly string[]): string[] {
  const most = Math.max(1, Math.floor(all.length / 2))
  const count = random.float() < 0.5 ? 1 : random.integer(1, most)
  const chosen = new Set(random.shuffle([...all]).slice(0, count))
  return all.filter((host) => chosen.has(host))
}

function randomQuality(random: Random): Partial<LinkQuality> {
  const delayMs = random.integer(0, 300)
  return {
    delayMs,
    jitterMs: random.integer(0, 300),
    loss: random.float() < 0.5 ? random.float() * 0.9 : 0,
    duplication: random.float() < 0.5 ? random.float() * 0.5 : 0,
    reordering: random.float() < 0.5 ? random.float() * 0.5 : 0,
    reorderedByMs: random.integer(1, 500),
  }
}
