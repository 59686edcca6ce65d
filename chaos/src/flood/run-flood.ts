import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constants, setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from '../../../packages/transport-quic/test/certificates.ts'
import type { FloodRound } from './judge-flood.ts'
import type { Answer, FloodKind, Order } from './orders.ts'
import { droppedDatagrams, residentMib, watchPeak } from './process-facts.ts'

/** One flood. */
export interface FloodRun {
  readonly kind: FloodKind
  readonly packetsPerSecond: number
  readonly seconds: number
  /** How long the same is measured before, without a flood. */
  readonly quietSeconds: number
  /** Before that, for the code to become fast; milliseconds. */
  readonly warmUpMs: number
}

/** One flood on processes of its own. */
export function runFlood(run: FloodRun): Promise<FloodRound> {
  return withFloodTargets((flood) => flood(run))
}

/**
 * A victim, a node that measures an established connection to it, and an attacker, for as long as
 * the work takes; others for the kind that needs others, started when it comes.
 */
export async function withFloodTargets<Result>(
  work: (flood: (run: FloodRun) => Promise<FloodRound>) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'nodosum-flood-'))
  const children: ChildProcess[] = []
  const start = async (program: string, ...given: readonly string[]): Promise<Party> => {
    const path = join(import.meta.dirname, program)
    const child = fork(path, [...given], { execArgv: ['-C', 'nodosum-source'] })
    children.push(child)
    const party = new Party(child)
    const { port } = await party.next('ready')
    return Object.assign(party, { port })
  }
  const ofCluster = async (): Promise<Parties> => {
    const victim = await start('flood-node.ts', 'victim', directory)
    const peer = await start('flood-node.ts', 'peer', directory)
    const attacker = await start('attacker.ts', 'attacker', directory, String(victim.port))
    return { victim, peer, attacker }
  }
  const ofTransport = async (): Promise<Parties> => {
    issueCertificates(directory, ['victim', 'peer'])
    const victim = await start('transport-node.ts', 'victim', directory)
    const peer = await start('transport-node.ts', 'peer', directory, String(victim.port))
    const attacker = await start('stranger.ts', String(victim.port))
    return { victim, peer, attacker }
  }
  let cluster: Parties | null = null
  let transport: Parties | null = null
  const partiesOf = async (kind: FloodKind): Promise<Parties> => {
    if (kind === 'retry') transport ??= await ofTransport()
    else cluster ??= await ofCluster()
    const parties = (kind === 'retry' ? transport : cluster) as Parties
    // It would have a machine of its own: it gets what the others leave of this one's cores.
    setPriority(parties.attacker.pid, constants.priority.PRIORITY_LOW)
    return parties
  }
  try {
    return await work(async (run) => measured(run, await partiesOf(run.kind)))
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Parties {
  readonly victim: Party
  readonly peer: Party
  readonly attacker: Party
}

async function measured(run: FloodRun, { victim, peer, attacker }: Parties): Promise<FloodRound> {
  const { kind, packetsPerSecond, seconds, quietSeconds, warmUpMs } = run
  const measure = (ms: number): Promise<Measured> =>
    peer.ask({ order: 'measure', to: 'victim', ms }, 'measured')
  await measure(warmUpMs)

  const quietMs = quietSeconds * 1_000
  const quietPeak = watchPeak(() => residentMib(victim.pid))
  const [quiet, resting] = await Promise.all([
    measure(quietMs),
    attacker.ask({ order: 'rest', ms: quietMs }, 'attacked'),
  ])
  const quietRssMib = quietPeak.stop()
  const before = await victim.ask({ order: 'state' }, 'state')
  const droppedBefore = droppedDatagrams(victim.port)

  const ms = seconds * 1_000
  const floodPeak = watchPeak(() => residentMib(victim.pid))
  const [flooded, attacked] = await Promise.all([
    measure(ms),
    attacker.ask({ order: 'attack', attack: { kind, packetsPerSecond, ms } }, 'attacked'),
  ])
  const floodRssMib = floodPeak.stop()
  const after = await victim.ask({ order: 'state' }, 'state')
  // Gossip and acknowledgements come to a member all the time.
  const usualToMember = (resting.toMember * (ms + 1_000)) / quietMs
  return {
    kind,
    packetsPerSecond,
    seconds,
    sent: attacked.sent,
    sentBytes: attacked.sentBytes,
    different: attacked.different,
    droppedBySystem: droppedDatagrams(victim.port) - droppedBefore,
    answersToStrangers: attacked.toStrangers,
    bytesToStrangers: attacked.bytesToStrangers,
    answersToMember: Math.max(0, Math.round(attacked.toMember - usualToMember)),
    acceptedMore: after.accepted - before.accepted,
    connectionsMore: after.connections - before.connections,
    members: after.members.length,
    requests: flooded.latenciesMs.length,
    requestsFailed: quiet.failed + flooded.failed,
    quietP99Ms: percentile(quiet.latenciesMs, 0.99),
    floodP99Ms: percentile(flooded.latenciesMs, 0.99),
    quietP50Ms: percentile(quiet.latenciesMs, 0.5),
    floodP50Ms: percentile(flooded.latenciesMs, 0.5),
    quietRssMib: rounded(quietRssMib),
    floodRssMib: rounded(floodRssMib),
    counted: difference(before.counters, after.counters),
  }
}

/** As the processes find them: `<directory>/<node id>.json`. */
function issueCertificates(directory: string, nodeIds: readonly string[]): void {
  const certificates = makeCertificates()
  for (const nodeId of nodeIds) {
    const credentials = certificates.issue(`spiffe://flood/nodosum/flood/${nodeId}`)
    writeFileSync(join(directory, `${nodeId}.json`), JSON.stringify(credentials))
  }
  certificates.remove()
}

type Measured = Extract<Answer, { answer: 'measured' }>
type AnswerOf<Kind extends Answer['answer']> = Extract<Answer, { answer: Kind }>

/** A process, as the one that started it sees it. */
class Party {
  port = 0
  readonly #child: ChildProcess

  constructor(child: ChildProcess) {
    this.#child = child
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  ask<Kind extends Answer['answer']>(order: Order, kind: Kind): Promise<AnswerOf<Kind>> {
    const answer = this.next(kind)
    this.#child.send(order)
    return answer
  }

  next<Kind extends Answer['answer']>(kind: Kind): Promise<AnswerOf<Kind>> {
    const child = this.#child
    return new Promise<AnswerOf<Kind>>((resolve, reject) => {
      const done = (): void => {
        child.off('message', heard)
        child.off('exit', ended)
      }
      const heard = (message: Answer): void => {
        done()
        if (message.answer === kind) resolve(message as AnswerOf<Kind>)
        else reject(new Error(message.answer === 'failed' ? message.message : message.answer))
      }
      const ended = (code: number | null): void => {
        done()
        reject(new Error(`a process of the flood ended with ${code}`))
      }
      child.on('message', heard)
      child.on('exit', ended)
    })
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

function difference(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  const grown = Object.entries(after).map(([name, value]): [string, number] => [
    name,
    value - (before[name] ?? 0),
  ])
  return Object.fromEntries(grown.filter(([, value]) => value !== 0))
}
