import { seededRandom } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import {
  type Fault,
  type FaultKind,
  faultKinds,
  minimise,
  type PlannedFault,
  randomFaults,
  type SimulatedProcess,
  Simulation,
  TraceHash,
} from '../src/index.ts'

const names = ['a', 'b', 'c', 'd']

/** Each host sends a number to every other ten times a second, and writes a file once a second. */
function chatter(process: SimulatedProcess): void {
  const port = process.attach(1)
  const tick = (): void => {
    for (const host of names) {
      if (host !== process.host) port.send(process.random.bytes(20), { host, port: 1 })
    }
    process.scheduler.after(100, tick)
  }
  const save = (): void => {
    process.files.write('state', process.random.bytes(8))
    process.scheduler.after(1_000, save)
  }
  port.onPacket = () => undefined
  tick()
  save()
}

function started(seed: number, program = chatter): Simulation {
  const simulation = new Simulation({ seed, program, quality: { delayMs: 1, jitterMs: 5 } })
  for (const name of names) simulation.start(name)
  return simulation
}

function afterFault(fault: Fault, forMs: number | null = 2_000): Simulation {
  const simulation = started(1)
  simulation.plan([{ atMs: 500, forMs, fault }])
  simulation.scheduler.runFor(5_000)
  expect(simulation.faultCounts[fault.kind]).toBe(1)
  return simulation
}

const hosts = ['b']

describe('a fault', () => {
  it.each(['crash', 'power-loss', 'disk-loss'] as const)(
    '%s ends a process and starts another',
    (kind) => {
      const simulation = started(1)
      simulation.plan([{ atMs: 500, forMs: 2_000, fault: { kind, hosts } }])
      simulation.scheduler.runFor(1_000)
      const host = simulation.host('b')
      expect(host.isRunning).toBe(false)
      expect(simulation.network.counters.unreachable).toBeGreaterThan(5)
      expect(host.disk.read('state') === undefined).toBe(kind === 'disk-loss')
      simulation.scheduler.runFor(1_600)
      expect([host.isRunning, host.counters.starts]).toEqual([true, 2])
    },
  )

  it('power-loss loses a write that was not durable, and crash does not', () => {
    const lost = (kind: 'crash' | 'power-loss'): number => {
      const simulation = started(3)
      // Writes happen at 0, 1000, 2000, ... and take 5 ms.
      const at = (atMs: number): PlannedFault => ({ atMs, forMs: 1, fault: { kind, hosts } })
      simulation.plan([at(2), at(8), at(14), at(20), at(26), at(32)])
      simulation.scheduler.runFor(100)
      return simulation.host('b').disk.counters.lostWrites
    }
    expect(lost('crash')).toBe(0)
    expect(lost('power-loss')).toBeGreaterThan(0)
  })

  it('disk-clone brings a host back with the files of another', () => {
    const simulation = afterFault({ kind: 'disk-clone', hosts, from: 'c' }, null)
    const [b, c] = [simulation.host('b'), simulation.host('c')]
    expect(b.disk.read('state')).toHaveLength(8)
    expect(b.counters.crashes).toBe(1)
    expect(c.counters.crashes).toBe(0)
  })

  it('pause makes timers late and packets wait', () => {
    const { counters } = afterFault({ kind: 'pause', hosts }).host('b')
    expect(counters.pausedMs).toBe(2_000)
    expect(counters.lateTimers).toBeGreaterThan(0)
    expect(counters.queuedPackets).toBeGreaterThan(30)
  })

  it('stall does so again and again', () => {
    const { counters } = afterFault({ kind: 'stall', hosts, everyMs: 200, stalledMs: 150 }).host(
      'b',
    )
    expect(counters.pauses).toBe(10)
  })

  it('disk-stall keeps writes from becoming durable', () => {
    const simulation = afterFault({ kind: 'disk-stall', hosts })
    expect(simulation.host('b').disk.counters.stalls).toBe(1)
  })

  it('drift makes a clock gain', () => {
    const simulation = afterFault({ kind: 'drift', hosts, rate: 1.5 })
    expect(simulation.host('b').process?.scheduler.nowMs()).toBeCloseTo(6_000, 3)
    expect(simulation.host('a').process?.scheduler.nowMs()).toBeCloseTo(5_000, 3)
  })

  it.each<Fault>([
    {
      kind: 'partition',
      groups: [
        ['a', 'b'],
        ['c', 'd'],
      ],
    },
    { kind: 'cut', from: ['a'], to: ['b', 'c'] },
  ])('$kind blocks packets while it lasts', (fault) => {
    const simulation = afterFault(fault)
    const { blocked } = simulation.network.counters
    expect(blocked).toBeGreaterThanOrEqual(38)
    simulation.scheduler.runFor(5_000)
    expect(simulation.network.counters.blocked).toBe(blocked)
  })

  it.each<Fault>([
    { kind: 'degrade', hosts, direction: 'ingress', quality: { loss: 0.8 } },
    { kind: 'degrade', hosts, direction: 'egress', quality: { loss: 0.8 } },
    { kind: 'link', from: hosts, to: names, quality: { loss: 0.8 } },
  ])('$kind loses the share of packets that it is told (%#)', (fault) => {
    const { lost } = afterFault(fault).network.counters
    expect(lost).toBeGreaterThan(60 * 0.6)
    expect(lost).toBeLessThan(60 * 0.95)
  })

  it('degrade doubles and reorders packets', () => {
    const quality = { duplication: 0.5, reordering: 0.5, reorderedByMs: 40 }
    const { counters } = afterFault({
      kind: 'degrade',
      hosts,
      direction: 'egress',
      quality,
    }).network
    expect(counters.duplicated).toBeGreaterThan(10)
    expect(counters.reordered).toBeGreaterThan(10)
  })

  it('without an end goes on until everything is healed', () => {
    const simulation = afterFault({ kind: 'crash', hosts }, null)
    expect(simulation.host('b').isRunning).toBe(false)
    simulation.heal()
    expect(simulation.host('b').isRunning).toBe(true)
  })
})

describe('random faults', () => {
  const drawn = (seed: number): PlannedFault[] =>
    randomFaults({ random: seededRandom(seed), hosts: names, untilMs: 60_000, faultsMax: 10 })

  it('are of every kind over many seeds, and of few kinds in each', () => {
    const seen = new Set<FaultKind>()
    for (let seed = 0; seed < 200; seed += 1) {
      const kinds = new Set(drawn(seed).map(({ fault }) => fault.kind))
      expect(kinds.size).toBeLessThanOrEqual(5)
      for (const kind of kinds) seen.add(kind)
    }
    expect([...seen].sort()).toEqual([...faultKinds].sort())
  })

  it('have all ended by the time that they were given, and are the same for the same seed', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const plan = drawn(seed)
      expect(plan).toEqual(drawn(seed))
      expect(plan.length).toBeGreaterThan(0)
      for (const { atMs, forMs } of plan) expect(atMs + Number(forMs)).toBeLessThanOrEqual(60_000)
    }
  })
})

describe('a simulation', () => {
  const traceOf = (seed: number): string => {
    const simulation = started(seed)
    const random = seededRandom(seed)
    simulation.plan(randomFaults({ random, hosts: names, untilMs: 10_000, faultsMax: 10 }))
    simulation.scheduler.runFor(12_000)
    return simulation.trace.digest()
  }

  it('gives the same trace for the same seed a hundred times, and another for another', () => {
    const traces = new Set(Array.from({ length: 100 }, () => traceOf(7)))
    expect([...traces]).toHaveLength(1)
    expect(traces).not.toContain(traceOf(8))
  }, 60_000)

  it('comes down to the one fault that a planted bug needs', () => {
    /** Never sends again once it hears nothing for a second. */
    const fragile = (process: SimulatedProcess): void => {
      const port = process.attach(1)
      let heardMs = process.scheduler.nowMs()
      const tick = (): void => {
        if (process.scheduler.nowMs() - heardMs > 1_000) return
        for (const host of names)
          if (host !== process.host) port.send(new Uint8Array(1), { host, port: 1 })
        process.scheduler.after(100, tick)
      }
      port.onPacket = () => {
        heardMs = process.scheduler.nowMs()
      }
      tick()
    }
    const isSilent = (plan: readonly PlannedFault[]): boolean => {
      const simulation = started(1, fragile)
      let heard = 0
      const count = simulation.network.onDelivery
      simulation.network.onDelivery = (bytes, from, to) => {
        count?.(bytes, from, to)
        if (from.host === 'c') heard += 1
      }
      simulation.plan(plan)
      simulation.scheduler.runFor(10_000)
      heard = 0
      simulation.scheduler.runFor(1_000)
      return heard === 0
    }
    const harmless = (atMs: number): PlannedFault => ({
      atMs,
      forMs: 300,
      fault: { kind: 'pause', hosts: ['a'] },
    })
    const culprit: PlannedFault = {
      atMs: 4_000,
      forMs: 2_500,
      fault: { kind: 'degrade', hosts: ['c'], direction: 'ingress', quality: { loss: 1 } },
    }
    const plan = [
      ...[100, 900, 2_000, 3_500].map(harmless),
      culprit,
      ...[6_000, 7_000].map(harmless),
    ]
    expect(isSilent(plan)).toBe(true)
    expect(minimise(plan, isSilent).items).toEqual([culprit])
  })

  it('looks at its invariants after every step', () => {
    const simulation = started(1)
    simulation.checks.afterEachStep('nobody runs for three seconds', (host, nowMs) =>
      nowMs < 3_000 ? null : `${host.name} does`,
    )
    simulation.scheduler.runFor(2_999)
    expect(simulation.checks.stepsChecked).toBeGreaterThan(300)
    expect(simulation.checks.violations).toEqual([])
    simulation.scheduler.runFor(200)
    expect(simulation.checks.violations[0]).toMatchObject({
      invariant: 'nobody runs for three seconds',
    })
  })

  it('has a bound of hosts, each with a name of its own', () => {
    const simulation = new Simulation({ seed: 1, program: () => undefined, hostsMax: 1 })
    simulation.start('a')
    expect(() => simulation.start('b')).toThrow('hostsMax')
    expect(() => simulation.host('b')).toThrow("no host is called 'b'")
    expect(() => started(1).start('a')).toThrow('its own name')
  })
})

describe('a trace hash', () => {
  it('tells numbers, texts and where they end apart', () => {
    const digest = (add: (trace: TraceHash) => void): string => {
      const trace = new TraceHash()
      add(trace)
      return trace.digest()
    }
    const texts = (...parts: string[]): string =>
      digest((trace) => {
        for (const part of parts) trace.text(part)
      })
    expect(texts('ab', 'c')).toBe(texts('ab', 'c'))
    const all = [
      texts('ab', 'c'),
      texts('a', 'bc'),
      texts('abc'),
      texts(),
      digest((trace) => trace.number(1)),
      digest((trace) => trace.number(-1)),
      digest((trace) => trace.number(1 + Number.EPSILON)),
    ]
    expect(new Set(all).size).toBe(all.length)
    for (const hash of all) expect(hash).toMatch(/^[0-9a-f]{16}$/)
  })
})
