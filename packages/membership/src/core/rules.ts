import type { MetadataRun, ProtocolRange } from '../wire/statement.ts'
import { isGone, type MemberState } from './member.ts'

/** What orders statements about one node. */
export interface Standing {
  readonly bootTag: number
  readonly epoch: number
  readonly counter: number
  readonly state: MemberState
}

/** Which process of which node is asked, or answers. */
export interface Answering {
  readonly nodeId: string
  readonly bootTag: number
}

/** A tick this late means that this process stood still. */
const stallMs = 500
/** No node restarts or refutes this often between two statements: such a jump is a lie. */
const incarnationJumpMax = 2 ** 20

const severity: Readonly<Record<MemberState, number>> = {
  alive: 0,
  draining: 0,
  suspect: 1,
  failed: 2,
  left: 3,
}

/**
 * The decisions that the protocol stands on, each a function of what it is given. They are apart
 * from the machinery so that a test can replace one by a wrong one and show that the invariants
 * notice; the published entry offers no way to do that.
 */
export interface ProtocolRules {
  supersedes(a: Standing, b: Standing): boolean
  isPlausible(a: Standing, b: Standing): boolean
  refutationCounter(accused: number, own: number): number
  epochAbove(known: number): number
  suspicionMs(
    limits: { minMs: number; maxMs: number },
    confirmations: number,
    needed: number,
  ): number
  confirmationsNeeded(asked: number, clusterSize: number): number
  isNewAccuser(accusers: readonly number[], accuser: number): boolean
  retransmits(clusterSize: number): number
  helpers(asked: number): number
  isStall(latenessMs: number): boolean
  isForThisNode(target: string, self: string): boolean
  isAnswerOf(target: Answering, answering: Answering): boolean
  isSameCluster(theirs: readonly [number, number], own: readonly [number, number]): boolean
  speaks(own: ProtocolRange, peer: ProtocolRange): number | null
  isMetadataNews(run: MetadataRun, known: number): boolean
  asksAdmission(isAboutSender: boolean): boolean
  linkVetoes(activeAgoMs: number, periodMs: number, accusers: number): boolean
  deliveredUpTo(sequence: number): number
  isRttSane(rttMs: number): boolean
  revisitsFailed(sinceMs: number, rememberMs: number): boolean
  countsInDigest(state: MemberState): boolean
}

export const protocolRules: ProtocolRules = {
  /**
   * The later incarnation, and within one incarnation the worse state: only the node itself can
   * take an accusation back.
   */
  supersedes(a, b) {
    if (a.epoch !== b.epoch) return a.epoch > b.epoch
    if (a.counter !== b.counter) return a.counter > b.counter
    return a.bootTag === b.bootTag && severity[a.state] > severity[b.state]
  },

  isPlausible(a, b) {
    if (a.epoch !== b.epoch) return a.epoch - b.epoch <= incarnationJumpMax
    return a.counter - b.counter <= incarnationJumpMax
  },

  refutationCounter: (accused, own) => Math.max(accused, own) + 1,

  epochAbove: (known) => known + 1,

  /**
   * Lifeguard: `max(min, max - (max - min) * ln(c + 1) / ln(k + 1))` for c of k confirmations.
   * Without anybody who could confirm, it is the minimum at once.
   */
  suspicionMs({ minMs, maxMs }, confirmations, needed) {
    if (needed < 1) return minMs
    const share = Math.log(confirmations + 1) / Math.log(needed + 1)
    return Math.max(minMs, maxMs - (maxMs - minMs) * share)
  },

  /** Not more than there are members beside the suspect and its first accuser. */
  confirmationsNeeded: (asked, clusterSize) => Math.max(0, Math.min(asked, clusterSize - 2)),

  isNewAccuser: (accusers, accuser) => !accusers.includes(accuser),

  /** memberlist's `4 * ceil(log10(n + 1))`, rounded up once instead of before the product. */
  retransmits: (clusterSize) => Math.ceil(4 * Math.log10(clusterSize + 1)),

  helpers: (asked) => asked,

  isStall: (latenessMs) => latenessMs > stallMs,

  /** An address can have a new tenant, who must not answer for the old one. */
  isForThisNode: (target, self) => target === self,

  /** Another process at the same address does not answer for a dead one. */
  isAnswerOf: (target, answering) =>
    target.nodeId === answering.nodeId && target.bootTag === answering.bootTag,

  isSameCluster: (theirs, own) => theirs[0] === own[0] && theirs[1] === own[1],

  /** The highest version that both speak. */
  speaks(own, peer) {
    const version = Math.min(own.max, peer.max)
    return version >= Math.max(own.min, peer.min) ? version : null
  },

  isMetadataNews: (run, known) => run.to > known && run.from <= known,

  /** Also of those whom another member tells about, not only of those who ask to join. */
  asksAdmission: () => true,

  /** What arrives on a connection proves life, unless three others say otherwise. */
  linkVetoes: (activeAgoMs, periodMs, accusers) => activeAgoMs <= periodMs && accusers < 3,

  deliveredUpTo: (sequence) => sequence,

  isRttSane: (rttMs) => rttMs >= 0 && rttMs <= 10_000,

  revisitsFailed: (sinceMs, rememberMs) => sinceMs <= rememberMs,

  /** Who is gone is no part of the digest: each node forgets it at its own time. */
  countsInDigest: (state) => !isGone(state),
}
