import type { BootId } from '@nodosum/kernel'
import type { Member, MemberChange, MembershipOptions, UserEvent } from '@nodosum/membership'
import type { InvariantChecks, SimulatedHost } from '@nodosum/testkit'
import type { Beliefs, Standing } from './beliefs.ts'
import type { Excuses } from './excuses.ts'
import type { Measurements } from './measurements.ts'
import type { MemberNode } from './member-node.ts'

/** A packet must fit every path; the seal is counted. */
const packetBytesMax = 1_400
/** Pairs of nodes that one checkpoint compares in full. */
const pairsPerCheckpoint = 5_000
/** No round trip in any scenario takes so long, whatever the faults. */
const roundTripMsMax = 4_000
/** No node restarts or refutes so often between two statements about it. */
const incarnationJumpMax = 2 ** 20
const perEpoch = 2 ** 33

/** What the checks look at. */
export interface Observed {
  /** Each node by its name, also when its process has ended. */
  readonly nodes: ReadonlyMap<string, MemberNode>
  /** The node on each host. */
  readonly nodeOn: ReadonlyMap<string, MemberNode>
  /** Every process that ever was. */
  readonly boots: ReadonlyMap<BootId, { readonly id: string; readonly boot: number }>
  readonly beliefs: Beliefs
  readonly measurements: Measurements
  readonly excuses: Excuses
  readonly membership: MembershipOptions
  readonly checks: InvariantChecks<SimulatedHost>
  readonly nowMs: () => number
}

/** What must hold of a cluster at every moment, whatever goes wrong. */
export class MemberChecks {
  readonly #observed: Observed
  readonly #ownIncarnations = new Map<string, number>()
  /** The last piece of news that each node has heard of each boot of another. */
  readonly #heard = new Map<string, number>()

  constructor(observed: Observed) {
    this.#observed = observed
    const { checks } = observed
    checks.afterEachStep('a node never takes back its own incarnation', ({ name }) =>
      this.#ownIncarnationRises(name),
    )
    checks.afterEachStep('queues are bounded', ({ name }) => this.#queuesAreBounded(name))
    checks.atCheckpoints('round trips are plausible', () => this.#roundTripsArePlausible())
    checks.atCheckpoints('the changes that were told add up to the view', () => this.#viewsAddUp())
  }

  /** What a node came to believe. */
  changed(node: MemberNode, { member, kind }: MemberChange): void {
    const { boots, nodes, beliefs, measurements } = this.#observed
    const { id } = node
    const subject = member.nodeId
    const known = boots.get(member.bootId)
    if (known?.id !== subject) {
      return this.#report('nobody is invented', `${id} believes in a ${subject} that never was`)
    }
    if (nodes.get(subject)?.cluster !== node.cluster) {
      this.#report('one cluster never learns of another', `${id} learns of ${subject}`)
    }
    if (node.refuses(subject)) {
      this.#report('who is not admitted takes no part', `${id} takes ${subject} in`)
    }
    const now = { state: member.state, boot: known.boot, incarnation: incarnationOf(member) }
    const before = beliefs.believes(id, subject, now)
    this.#checkOrder(id, subject, before, now)
    measurements.replaced(this.#nowMs, id, subject, known.boot)
    if (kind === 'suspect') {
      const isHealthy = this.#isAlive(subject, known.boot) && !this.#isTouched(subject)
      measurements.suspected(this.#nowMs, subject, known.boot, isHealthy)
    }
    if (before.state === 'suspect' && kind === 'alive') measurements.refutations += 1
    if (member.state === 'failed') this.#checkDeath(id, subject, known.boot)
  }

  sent({ id }: MemberNode, bytes: number): void {
    if (bytes <= packetBytesMax) return
    this.#report('packets fit every path', `${id} sends a packet of ${bytes} bytes`)
  }

  heard(node: MemberNode, { from, sequence }: UserEvent): void {
    const key = this.#hearing(node, from)
    const before = this.#heard.get(key) ?? 0
    this.#heard.set(key, sequence)
    if (sequence > before) return
    const text = `${node.id} hears ${sequence} of ${from} after ${before}`
    this.#report('news arrives in order, and once', text)
  }

  /** Whether a node has heard so many pieces of news of the running process of another. */
  hasHeard(node: MemberNode, from: string, count: number): boolean {
    return (this.#heard.get(this.#hearing(node, from)) ?? 0) >= count
  }

  conflicted({ id }: MemberNode): void {
    this.#report('no node is told that its id is taken', `${id} is told so, and is the only one`)
  }

  /** A new process: it may start below what an earlier one said. */
  started(host: string): void {
    this.#ownIncarnations.delete(host)
  }

  get #nowMs(): number {
    return this.#observed.nowMs()
  }

  #hearing(node: MemberNode, from: string): string {
    return `${node.id} ${node.process.boot} ${from} ${this.#observed.nodes.get(from)?.process.boot}`
  }

  #isAlive(id: string, boot: number): boolean {
    const process = this.#observed.nodes.get(id)?.process
    return process?.isRunning === true && process.boot === boot
  }

  #isTouched(id: string): boolean {
    return this.#observed.excuses.isTouched(id, this.#nowMs)
  }

  #checkOrder(observer: string, subject: string, before: Standing, now: Standing): void {
    const isSameBoot = before.boot === now.boot
    const [was, is] = [before.incarnation, now.incarnation]
    if (is < was || (is === was && !isSameBoot)) {
      this.#report('incarnations rise', `${observer} goes from ${was} to ${is} for ${subject}`)
    }
    if (before.boot !== 0 && jump(was, is) > incarnationJumpMax) {
      this.#report('incarnations are plausible', `${observer} believes ${is} of ${subject}`)
    }
    if (before.state === 'left' && isSameBoot && now.state !== 'left') {
      const text = `${observer} believes ${subject} to be ${now.state} after it left`
      this.#report('who has left stays away', text)
    }
  }

  #checkDeath(observer: string, subject: string, boot: number): void {
    const { measurements, excuses } = this.#observed
    measurements.declaredDead(this.#nowMs, observer, subject, boot)
    if (!this.#isAlive(subject, boot)) return
    measurements.falseDeaths += 1
    if (excuses.has(subject, this.#nowMs) || excuses.has(observer, this.#nowMs)) return
    measurements.healthyDeaths += 1
    this.#report('a healthy node is never declared dead', `${observer} declares ${subject} dead`)
  }

  #ownIncarnationRises(host: string): string | null {
    const node = this.#observed.nodeOn.get(host)
    if (node === undefined) return null
    const value = incarnationOf(node.core.self)
    const before = this.#ownIncarnations.get(host) ?? -1
    if (value === before) return null
    this.#ownIncarnations.set(host, value)
    return value > before ? null : `${node.id} goes back from ${before} to ${value}`
  }

  #queuesAreBounded(host: string): string | null {
    const node = this.#observed.nodeOn.get(host)
    if (node === undefined) return null
    const { news, suspects } = node.core.backlog
    const { newsMax, membersMax } = this.#observed.membership
    if (news <= newsMax && suspects <= membersMax) return null
    return `${node.id} has ${news} news and ${suspects} suspects waiting`
  }

  #roundTripsArePlausible(): string[] {
    return this.#sample().flatMap(({ core, id }) =>
      core.members().flatMap(({ nodeId }) => {
        const rttMs = core.rttMs(nodeId) ?? 0
        const isSane = rttMs >= 0 && rttMs <= roundTripMsMax
        return isSane ? [] : [`${id} believes ${nodeId} to be ${rttMs} ms away`]
      }),
    )
  }

  #viewsAddUp(): string[] {
    const { beliefs, boots } = this.#observed
    return this.#sample().flatMap(({ id, core }) =>
      core.members().flatMap(({ nodeId, state, bootId }) => {
        if (nodeId === id) return []
        const told = beliefs.of(id, nodeId)
        const isSame = told.state === state && told.boot === boots.get(bootId)?.boot
        return isSame ? [] : [`${id} was told ${nodeId} is ${told.state}, its view says ${state}`]
      }),
    )
  }

  /** As many nodes as can be looked at closely without slowing the run down; others next time. */
  #sample(): MemberNode[] {
    const { nodes, checks } = this.#observed
    const running = [...nodes.values()].filter(({ process }) => process.isRunning)
    const all = Math.max(1, running.length)
    const count = Math.min(running.length, Math.ceil(pairsPerCheckpoint / all))
    const first = (checks.checkpointsChecked * count) % all
    return [...running, ...running].slice(first, first + count)
  }

  #report(name: string, detail: string): void {
    this.#observed.checks.report(name, detail)
  }
}

/** One number that rises with epoch or counter; neither gets to 2^33. */
function incarnationOf({ incarnation }: Member): number {
  return incarnation.epoch * perEpoch + incarnation.counter
}

/** By how much the epoch rises, or the counter of the same one. */
function jump(was: number, is: number): number {
  const epochs = Math.floor(is / perEpoch) - Math.floor(was / perEpoch)
  return epochs > 0 ? epochs : is - was
}
