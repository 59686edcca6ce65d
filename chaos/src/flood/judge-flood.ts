import type { FloodKind } from './orders.ts'

/** What one flood did. */
export interface FloodRound {
  readonly kind: FloodKind
  readonly packetsPerSecond: number
  readonly seconds: number
  readonly sent: number
  readonly sentBytes: number
  /** Different datagrams among those. */
  readonly different: number
  /** Of those sent to the victim, by whomever: what waited in the port's buffer for too long. */
  readonly droppedBySystem: number
  readonly answersToStrangers: number
  readonly bytesToStrangers: number
  /** More than what comes to the attacking member anyhow; below a few it is chance. */
  readonly answersToMember: number
  /** QUIC connections that the victim accepted meanwhile. */
  readonly acceptedMore: number
  readonly connectionsMore: number
  /** Members that the victim has not given up afterwards, itself included; 0 without membership. */
  readonly members: number
  readonly requests: number
  readonly requestsFailed: number
  readonly quietP50Ms: number
  readonly floodP50Ms: number
  readonly quietP99Ms: number
  readonly floodP99Ms: number
  /** Highest resident memory of the victim, in MiB. */
  readonly quietRssMib: number
  readonly floodRssMib: number
  /** What the victim's QUIC endpoint counted meanwhile. */
  readonly counted: Readonly<Record<string, number>>
}

/** What a node promises under a flood. */
export const floodLimits = {
  rssGrowthMib: 32,
  /** The p99 of an established connection at most so many times what it was; median of the rounds. */
  p99Factor: 2,
  /** Share of a flood to a member's own port that may look like answers; gossip is never even. */
  memberShare: 0.001,
  /** A Retry has at most this part of the bytes that it answers, so that nobody gains by it. */
  retryShare: 0.25,
} as const

/** Of one round: everything that does not depend on the speed of the machine. */
export function problemsOf(round: FloodRound): string[] {
  const { kind } = round
  const problems: string[] = []
  const expect = (isGood: boolean, words: string): void => {
    if (!isGood) problems.push(`${kind}: ${words}`)
  }
  const growthMib = round.floodRssMib - round.quietRssMib
  const wanted = (round.packetsPerSecond * round.seconds) / 2
  expect(round.sent >= wanted, `only ${round.sent} packets were sent: the flood proves nothing`)
  if (kind === 'retry') {
    const { bytesToStrangers, sentBytes } = round
    expect(bytesToStrangers > 0, 'nobody was asked to come again: the flood proves nothing')
    const isLittle = bytesToStrangers <= sentBytes * floodLimits.retryShare
    expect(isLittle, `${bytesToStrangers} bytes in answer to ${sentBytes}`)
  } else {
    expect(round.answersToStrangers === 0, `${round.answersToStrangers} answers to strangers`)
    expect(round.members === 3, `the victim has ${round.members} of 3 members left`)
  }
  expect(
    round.answersToMember <= Math.max(20, round.sent * floodLimits.memberShare),
    `${round.answersToMember} answers to the member`,
  )
  expect(round.acceptedMore === 0, `${round.acceptedMore} connections were accepted`)
  expect(round.connectionsMore === 0, `${round.connectionsMore} more connections`)
  expect(round.requests > 0, 'no request was answered: nothing was measured')
  expect(round.requestsFailed === 0, `${round.requestsFailed} requests failed`)
  expect(
    growthMib <= floodLimits.rssGrowthMib,
    `memory grew by ${growthMib.toFixed(1)} MiB, more than ${floodLimits.rssGrowthMib}`,
  )
  return problems
}

/** The p99 under a flood, as a multiple of the one before: the median over the rounds of a kind. */
export function p99FactorOf(rounds: readonly FloodRound[]): number {
  const factors = rounds
    .map(({ floodP99Ms, quietP99Ms }) => floodP99Ms / quietP99Ms)
    .toSorted((a, b) => a - b)
  return factors[Math.floor(factors.length / 2)] ?? Number.NaN
}
