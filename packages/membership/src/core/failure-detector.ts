import type { Coordinate } from '../wire/packet.ts'
import type { Beliefs } from './beliefs.ts'
import { Coordinates } from './coordinates.ts'
import type { PacketAddress } from './effects.ts'
import type { Entry } from './entry.ts'
import { HelpedProbes } from './helped-probes.ts'
import { isGone } from './member.ts'
import type { NodeState } from './node-state.ts'
import { addressOf } from './outbox.ts'
import { ProbeCycle } from './probe-cycle.ts'
import type { Answering } from './rules.ts'
import type { Source } from './source.ts'
import type { Timer } from './timers.ts'

/** A probe that waits for its answer. */
interface Probe {
  readonly sequence: number
  readonly target: Entry
  readonly bootTag: number
  readonly sentMs: number
  /** Direct pings so far. */
  pings: number
  /** How many others were asked to probe as well; null before. */
  helpers: number | null
  /** How many of them said that they got no answer either. */
  nacks: number
  readonly timer: Timer
}

/** Probes at once; what is beyond waits for its turn in the cycle. */
const probesMax = 256
/** A helper says no after this share of the probe timeout. */
const nackShare = 0.8

/**
 * Finds out who does not answer. Three kinds of probes: one member in turn each period; the next
 * one on the ring each other period, which bounds the time to the first probe; and a suspect that
 * this node is to watch. Each pings several times, and asks others before it accuses.
 */
export class FailureDetector {
  readonly coordinates: Coordinates
  readonly cycle: ProbeCycle
  #sequence = 0
  readonly #state: NodeState
  readonly #beliefs: Beliefs
  readonly #probes = new Map<number, Probe>()
  readonly #helped: HelpedProbes
  readonly #turn: Timer
  readonly #watch: Timer

  constructor(
    state: NodeState,
    beliefs: Beliefs,
    random: { probes: NodeState['random']['targets']; coordinates: NodeState['random']['targets'] },
  ) {
    this.#state = state
    this.#beliefs = beliefs
    this.cycle = new ProbeCycle(random.probes)
    this.coordinates = new Coordinates(random.coordinates, state.rules)
    this.#helped = new HelpedProbes(state)
    this.#turn = state.timers.create((nowMs) => this.#probeInTurn(nowMs))
    this.#watch = state.timers.create((nowMs) => this.#probeNext(nowMs))
  }

  start(nowMs: number): void {
    const { options, random } = this.#state
    this.#turn.set(nowMs + options.probePeriodMs * random.jitter.float())
    this.#watch.set(nowMs + options.watchPeriodMs * random.jitter.float())
  }

  /** A suspicion was heard of: those before the suspect on the ring look for themselves. */
  confirm(nowMs: number, entry: Entry): void {
    const { table, self, options } = this.#state
    if (entry.suspicion?.accusers.includes(self.hash)) return
    if (table.ring.before(entry, options.watchers).includes(self)) this.#probe(nowMs, entry)
  }

  /** Probes somebody out of turn. */
  look(nowMs: number, entry: Entry): void {
    this.#probe(nowMs, entry)
  }

  /** Pings somebody whose state is disputed; its answer brings its own word. */
  ask(entry: Entry): void {
    this.#ping(entry, 0)
  }

  /** Finds out who lives at an address, under an id that this node uses itself. */
  askNamesake(address: PacketAddress): void {
    const { outbox, self, table } = this.#state
    const root = table.digest.root
    this.#sequence += 1
    outbox.send(address, { kind: 'ping', probe: this.#sequence, target: self.nodeId, root })
  }

  acked(nowMs: number, source: Source, sequence: number, coordinate: Coordinate | null): void {
    const probe = this.#probes.get(sequence)
    if (probe === undefined) {
      const isHelped = this.#helped.answered(sequence, source)
      // Late, but it came through.
      if (!isHelped) this.#state.answers.answered()
      return
    }
    if (isTrusted(probe.target)) this.#state.answers.answered()
    if (!this.#isAnswer(probe, source)) return
    // Which of several pings it answers is not known (Karn): only a first one measures.
    if (probe.pings === 1 && coordinate !== null) {
      probe.target.coordinate = coordinate
      const isSane = this.coordinates.observe(source.nodeId, coordinate, nowMs - probe.sentMs)
      if (!isSane) this.#state.counters.poison += 1
    }
    this.#succeed(probe)
  }

  ackedIndirectly(sequence: number, target: string, bootTag: number): void {
    const probe = this.#probes.get(sequence)
    if (probe === undefined || !this.#isAnswer(probe, { nodeId: target, bootTag })) return
    this.#succeed(probe)
  }

  nacked(sequence: number): void {
    const probe = this.#probes.get(sequence)
    if (probe !== undefined) probe.nacks += 1
  }

  /** Another member asks this one to probe. */
  help(
    nowMs: number,
    source: Source,
    request: { probe: number; target: string; host: string; port: number },
  ): void {
    this.#sequence += 1
    const nackMs = nackShare * this.#state.options.probeTimeoutMs
    const isTaken = this.#helped.start(nowMs, this.#sequence, source, request, nackMs)
    if (!isTaken) return
    const { outbox, table } = this.#state
    const { target, host, port } = request
    const root = table.digest.root
    outbox.send({ host, port }, { kind: 'ping', probe: this.#sequence, target, root })
  }

  /** What this process missed while it stood still says nothing about others. */
  forgive(nowMs: number): void {
    for (const probe of [...this.#probes.values()]) this.#end(probe)
    this.#turn.set(nowMs + this.#state.options.probePeriodMs)
    this.#watch.set(nowMs + this.#state.options.watchPeriodMs)
  }

  stop(): void {
    for (const probe of [...this.#probes.values()]) this.#end(probe)
    this.#turn.cancel()
    this.#watch.cancel()
  }

  #probeInTurn(nowMs: number): void {
    const { options, health, table } = this.#state
    this.#turn.set(nowMs + options.probePeriodMs * health.multiplier)
    const target = this.cycle.next(table.present)
    if (target !== undefined) this.#probe(nowMs, target)
  }

  #probeNext(nowMs: number): void {
    const { options, table, self } = this.#state
    // Poor health does not stretch this: it bounds how long nobody looks at a member.
    this.#watch.set(nowMs + options.watchPeriodMs)
    const [target] = table.ring.after(self, 1)
    if (target !== undefined) this.#probe(nowMs, target)
  }

  #probe(nowMs: number, target: Entry): void {
    if (target.isProbed || isGone(target.state) || this.#probes.size >= probesMax) return
    this.#sequence += 1
    const sequence = this.#sequence
    const timer = this.#state.timers.create((atMs) => this.#late(atMs, sequence))
    const probe: Probe = {
      sequence,
      target,
      bootTag: target.bootTag,
      sentMs: nowMs,
      pings: 1,
      helpers: null,
      nacks: 0,
      timer,
    }
    this.#probes.set(sequence, probe)
    target.isProbed = true
    this.#state.counters.probes += 1
    this.#ping(target, sequence)
    timer.set(nowMs + this.#pingEveryMs())
  }

  /**
   * Pings again each half of the shortest timeout; at this node's own timeout asks others too; at
   * twice that accuses. So a node that doubts itself waits longer, and tries as much more often.
   */
  #late(nowMs: number, sequence: number): void {
    const probe = this.#probes.get(sequence)
    if (probe === undefined) return
    const timeoutMs = this.#timeoutMs()
    const failMs = probe.sentMs + 2 * timeoutMs
    if (nowMs >= failMs) {
      this.#end(probe)
      return this.#fail(nowMs, probe)
    }
    probe.pings += 1
    this.#ping(probe.target, sequence)
    if (probe.helpers === null && nowMs >= probe.sentMs + timeoutMs) this.#askOthers(probe)
    probe.timer.set(Math.min(failMs, nowMs + this.#pingEveryMs()))
  }

  #fail(nowMs: number, { target, bootTag, helpers, nacks }: Probe): void {
    const { counters, health, rules, options } = this.#state
    counters.probesFailed += 1
    if (target.bootTag !== bootTag || isGone(target.state)) return
    const accusers = target.suspicion?.accusers.length ?? 0
    const asked = helpers ?? 0
    // Where others found the same it says nothing of this node.
    if (accusers === 0) health.probeFailed(asked, Math.max(0, asked - nacks))
    if (rules.linkVetoes(nowMs - target.linkActiveMs, options.probePeriodMs, accusers)) {
      counters.vetoes += 1
      return
    }
    if (this.#beliefs.accuse(nowMs, target)) this.#announce(target)
  }

  /** The suspect and those who watch it hear of an accusation at once, all others by gossip. */
  #announce(target: Entry): void {
    const { table, outbox, options, self } = this.#state
    const statement = target.stateStatement
    for (const entry of [target, ...table.ring.before(target, options.watchers)]) {
      if (entry !== self) outbox.send(entry, { kind: 'gossip' }, [statement])
    }
  }

  #askOthers(probe: Probe): void {
    const { table, rules, options, outbox, random } = this.#state
    probe.helpers = 0
    const address = addressOf(probe.target)
    if (address === undefined) return
    const isWitness = (entry: Entry): boolean => entry !== probe.target && entry.state === 'alive'
    const count = rules.helpers(options.indirectProbes)
    const witnesses = count === 0 ? [] : table.pick(random.targets, count, isWitness)
    probe.helpers = witnesses.length
    const { sequence, target } = probe
    for (const witness of witnesses) {
      const body = {
        kind: 'pingRequest',
        probe: sequence,
        target: target.nodeId,
        ...address,
      } as const
      outbox.send(witness, body)
    }
  }

  /** A suspect hears of the suspicion with the ping, so that it can deny it at once. */
  #ping(target: Entry, sequence: number): void {
    const { outbox, table } = this.#state
    const isWell = isTrusted(target)
    if (isWell) this.#state.answers.sent()
    const buddy = isWell ? [] : [target.stateStatement]
    const root = table.digest.root
    const body = { kind: 'ping', probe: sequence, target: target.nodeId, root } as const
    outbox.send(target, body, buddy)
  }

  #isAnswer({ target, bootTag }: Probe, answering: Answering): boolean {
    return this.#state.rules.isAnswerOf({ nodeId: target.nodeId, bootTag }, answering)
  }

  #succeed(probe: Probe): void {
    this.#end(probe)
    this.#state.health.probeSucceeded()
  }

  #end(probe: Probe): void {
    probe.timer.cancel()
    probe.target.isProbed = false
    this.#probes.delete(probe.sequence)
  }

  /** Not stretched by poor health: more time is used for more tries. */
  #pingEveryMs(): number {
    return this.#state.options.probeTimeoutMs / 2
  }

  #timeoutMs(): number {
    return this.#state.options.probeTimeoutMs * this.#state.health.multiplier
  }
}

/** Whether nothing is said against it. */
function isTrusted({ state }: Entry): boolean {
  return state === 'alive' || state === 'draining'
}
