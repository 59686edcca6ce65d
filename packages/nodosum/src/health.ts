import type { NodosumError } from '@nodosum/kernel'
import type { Health, HealthCheck, Member } from './api.ts'

/** What health is computed from. */
export interface HealthFacts {
  readonly nowMs: number
  readonly members: readonly Member[]
  /** Why others suspect this node again and again; null when they do not. */
  readonly doubts: string | null
  /** Members with whom UDP does not pass, so that gossip goes over a connection. */
  readonly detoured: readonly string[]
  /** Why what should survive a restart is not on disk; null when it is. */
  readonly snapshotProblem: NodosumError | null
  readonly discovery: DiscoveryFacts
  readonly sessions: number
  readonly transport: TransportFacts
  readonly messaging: MessagingFacts
  readonly certificateNotAfterMs: number
  readonly draining: boolean
  readonly closed: boolean
}

/** What health needs of discovery. */
export interface DiscoveryFacts {
  /** What it said last; null before it has said anything. */
  readonly detail: string | null
  /** Whether it could not look: only nodes that are known already find each other. */
  readonly isInTrouble: boolean
  /** Whether this node may be a cluster by itself. */
  readonly mayBeAlone: boolean
}

/** What health needs of messages and requests. */
export interface MessagingFacts {
  /** What gives way because unfinished work holds too much memory. */
  readonly sheds: 'nothing' | 'bulk' | 'interactive'
  readonly heldBytes: number
  readonly maxBytes: number
  readonly applications: readonly {
    readonly id: string
    /** Failed requests over those that may fail; from 1 on the error budget is used up. */
    readonly burn: number
    /** Nodes that left too many requests unanswered. */
    readonly openPeers: readonly string[]
  }[]
}

/** What health needs of the connection pool. */
export interface TransportFacts {
  /** Why there is no QUIC; null when there is. */
  readonly quicProblem: string | null
  /** Present members that could not be reached at the last try. */
  readonly unreachable: readonly string[]
  /** Present members with which a certificate is in the way, in words. */
  readonly untrusted: readonly string[]
  /** Members that are connected over HTTP/2 although QUIC was tried first. */
  readonly fellBack: readonly string[]
}

/** A certificate with less time left than this is a reason to look. */
const expiryWarningMs = 86_400_000

const closedDetail = 'the node is closed'

const order = ['ok', 'degraded', 'draining', 'fail'] as const

/** The state of each part, and of the node: the worst of them. */
export function healthOf(facts: HealthFacts): Health {
  const parts = [lifecycle, membership, sessions, messaging, certificate]
  const checks = parts.map((part) => part(facts))
  const worst = Math.max(...checks.map(({ status }) => order.indexOf(status)))
  return { status: order[worst] ?? 'fail', checks }
}

function lifecycle({ closed, draining }: HealthFacts): HealthCheck {
  if (closed) return { name: 'node', status: 'fail', detail: closedDetail }
  if (draining) return { name: 'node', status: 'draining', detail: 'the node is draining' }
  return { name: 'node', status: 'ok', detail: 'the node is running' }
}

function membership(facts: HealthFacts): HealthCheck {
  const { members, doubts, detoured, snapshotProblem, discovery, closed } = facts
  if (closed) return { name: 'membership', status: 'fail', detail: closedDetail }
  const away = members.filter(({ state }) => state === 'failed' || state === 'suspect')
  const present = members.length - members.filter(isGone).length
  const problems: string[] = []
  const names = away.map(({ nodeId, state }) => `${nodeId} (${state})`).join(', ')
  if (away.length > 0) problems.push(`not answering: ${names}`)
  if (doubts !== null) problems.push(`others suspect this node: ${doubts}`)
  if (detoured.length > 0) {
    problems.push(`gossip goes over TCP with ${detoured.join(', ')}, because UDP does not pass`)
  }
  if (snapshotProblem !== null) {
    problems.push(`not kept: ${snapshotProblem.code}: ${snapshotProblem.message}`)
  }
  const isAlone = present === 1
  if (isAlone && !discovery.mayBeAlone) problems.push('it is alone and looks for the others')
  const said = discovery.detail ?? 'it has not answered yet'
  if (discovery.isInTrouble || (isAlone && !discovery.mayBeAlone)) {
    problems.push(`discovery: ${said}`)
  }
  const count = isAlone ? 'alone: 1 member present' : `${present} members present`
  const status = problems.length === 0 ? 'ok' : 'degraded'
  return { name: 'membership', status, detail: [count, ...problems].join('; ') }
}

/** A member without a session is nothing bad: idle ones close, and the next message opens one. */
function sessions({ members, sessions: open, transport, closed }: HealthFacts): HealthCheck {
  if (closed) return { name: 'transport', status: 'fail', detail: closedDetail }
  const peers = members.filter((member) => !isGone(member)).length - 1
  const { quicProblem, unreachable, untrusted, fellBack } = transport
  const detail = [`${open} sessions open to ${peers} peers`, ...untrusted]
  if (unreachable.length > 0) detail.push(`not reachable: ${unreachable.join(', ')}`)
  if (fellBack.length > 0) {
    detail.push(`over HTTP/2 because QUIC did not answer: ${fellBack.join(', ')}; does UDP pass?`)
  }
  if (quicProblem !== null) detail.push(`HTTP/2 only, QUIC is not available: ${quicProblem}`)
  const isDegraded = unreachable.length + untrusted.length + fellBack.length > 0
  return {
    name: 'transport',
    status: isDegraded ? 'degraded' : 'ok',
    detail: detail.join('; '),
  }
}

function messaging({ messaging: facts, closed }: HealthFacts): HealthCheck {
  if (closed) return { name: 'messaging', status: 'fail', detail: closedDetail }
  const { sheds, heldBytes, maxBytes, applications } = facts
  const problems: string[] = []
  if (sheds !== 'nothing') {
    const what = sheds === 'bulk' ? 'messages wait' : 'messages wait and requests are refused'
    problems.push(`memory is short, ${what}: ${heldBytes} of ${maxBytes} bytes`)
  }
  for (const { id, burn, openPeers } of applications) {
    if (burn >= 1) problems.push(`the error budget of ${id} is used up (${burn.toFixed(1)} times)`)
    if (openPeers.length > 0) problems.push(`${id} is not answered by ${openPeers.join(', ')}`)
  }
  const count = applications.length
  const detail = [`${count} applications`, ...problems].join('; ')
  return { name: 'messaging', status: problems.length === 0 ? 'ok' : 'degraded', detail }
}

function certificate({ nowMs, certificateNotAfterMs }: HealthFacts): HealthCheck {
  const leftMs = certificateNotAfterMs - nowMs
  const until = new Date(certificateNotAfterMs).toISOString()
  const status = leftMs <= 0 ? 'fail' : leftMs < expiryWarningMs ? 'degraded' : 'ok'
  return { name: 'certificate', status, detail: `valid until ${until}` }
}

function isGone({ state }: Member): boolean {
  return state === 'failed' || state === 'left'
}
