import { type ProtocolRules, protocolRules } from '../src/core/rules.ts'

/** A wrong decision that a simulation has to notice. */
export interface PlantedBug {
  readonly name: string
  /** What goes wrong, in one sentence. */
  readonly says: string
  readonly rules: ProtocolRules
}

function bug(name: string, says: string, wrong: Partial<ProtocolRules>): PlantedBug {
  return { name, says, rules: { ...protocolRules, ...wrong } }
}

/** To be given to `new MembershipCore(options, bug.rules)`; the published entry cannot take them. */
export const plantedBugs: readonly PlantedBug[] = [
  bug('alive-resurrects', 'An old "alive" of the same incarnation takes a death back.', {
    supersedes: (a, b) =>
      protocolRules.supersedes(a, b) ||
      (a.epoch === b.epoch &&
        a.counter === b.counter &&
        a.state === 'alive' &&
        b.state !== 'alive'),
  }),
  bug('refutes-in-vain', 'A node denies an accusation with the incarnation that was accused.', {
    refutationCounter: (accused) => accused,
  }),
  bug('no-suspicion', 'Who misses a probe is declared failed at once.', {
    suspicionMs: () => 1,
  }),
  bug('never-confirms', 'Confirmations do not shorten a suspicion.', {
    suspicionMs: ({ maxMs }) => maxMs,
  }),
  bug('confirms-alone', 'One accuser counts again and again, so one sick node kills others.', {
    isNewAccuser: () => true,
    confirmationsNeeded: () => 0,
  }),
  bug('no-helpers', 'Nobody is asked before a member is accused.', {
    helpers: () => 0,
  }),
  bug('tells-once', 'Each statement is told to one member only.', {
    retransmits: () => 1,
  }),
  bug('accuses-after-a-pause', 'A process that stood still accuses others for what it missed.', {
    isStall: () => false,
  }),
  bug('answers-for-others', 'A node answers pings for the former tenant of its address.', {
    isForThisNode: () => true,
    isAnswerOf: () => true,
  }),
  bug('mixes-clusters', 'Packets of other clusters are taken as its own.', {
    isSameCluster: () => true,
  }),
  bug('returns-below', 'A restarted node does not exceed the epoch that others know of it.', {
    epochAbove: (known) => known,
  }),
  bug('forgets-the-failed', 'Failed members are not contacted again, so partitions do not heal.', {
    revisitsFailed: () => false,
  }),
  bug('takes-old-metadata', 'An old list of applications replaces a newer one.', {
    isMetadataNews: (run) => run.from === 0,
  }),
  bug('hearsay-admission', 'Who must not join gets in through what others tell.', {
    asksAdmission: (isAboutSender) => isAboutSender,
  }),
  bug('link-vetoes-all', 'An active connection keeps a member although three others miss it.', {
    linkVetoes: (activeAgoMs) => activeAgoMs < 600_000,
  }),
  bug('events-twice', 'An event that is heard again is handed over again.', {
    deliveredUpTo: (sequence) => sequence - 1,
  }),
  bug('takes-poison', 'A round trip that cannot be moves the node to where nobody is.', {
    isRttSane: () => true,
  }),
  bug('takes-any-incarnation', 'A counter that no node gets to is believed.', {
    isPlausible: () => true,
  }),
  bug('digest-holds-the-gone', 'Who is gone stays in the digest, so views never agree again.', {
    countsInDigest: () => true,
  }),
  bug('speaks-the-newest', 'A node speaks its newest version to those who do not know it.', {
    speaks: (own) => own.max,
  }),
]
