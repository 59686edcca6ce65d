import { type SessionRules, sessionRules } from '../src/core/rules.ts'

/** A wrong decision that a simulation has to notice. */
export interface PlantedBug {
  readonly name: string
  /** What goes wrong, in one sentence. */
  readonly says: string
  readonly rules: SessionRules
}

function bug(name: string, says: string, wrong: Partial<SessionRules>): PlantedBug {
  return { name, says, rules: { ...sessionRules, ...wrong } }
}

/** To be given to `new SessionTable(options, bug.rules)`. */
export const plantedBugs: readonly PlantedBug[] = [
  bug('takes-gaps', 'A frame is taken although those before it are missing.', {
    isNext: (expected, sequence) => sequence >= expected,
    resumeAt: (expected) => expected + (expected > 3 ? 1 : 0),
  }),
  bug('resumes-too-late', 'An end asks for the frame after the one that it lacks.', {
    resumeAt: (expected) => expected + 1,
  }),
  bug('resumes-too-early', 'An end asks for a frame that it has, and takes it again.', {
    isNext: (expected, sequence) => sequence === expected || sequence === expected - 1,
    resumeAt: (expected) => Math.max(1, expected - 1),
  }),
  bug('forgets-early', 'A sender forgets the frame after the acknowledged one.', {
    forgetsUpTo: (acknowledged) => acknowledged + 1,
  }),
  bug('never-forgets', 'A sender keeps what is acknowledged.', {
    forgetsUpTo: () => 0,
  }),
  bug('no-fence', 'What comes late on an older connection is taken.', {
    isFenced: () => false,
  }),
  bug('sends-before-resume', 'Frames leave before anybody knows what the peer has.', {
    maySend: () => true,
  }),
  bug('grants-nothing', 'The credit of a lane is never renewed.', {
    creditLimit: (_handedOn, windowBytes) => windowBytes,
  }),
  bug('ignores-credit', 'Frames leave whatever the peer has granted.', {
    mayStart: () => true,
  }),
  bug('keeps-without-bound', 'A lane takes messages beyond its limit.', {
    fits: () => true,
  }),
  bug('keeps-the-budget-at-the-end', 'What an ended session had taken is not given back.', {
    givesBack: (bytes, why) => (why === 'over' ? 0 : bytes),
  }),
  bug('keeps-the-budget-on-resume', 'What RESUME acknowledges is not given back.', {
    givesBack: (bytes, why) => (why === 'resumed' ? 0 : bytes),
  }),
  bug('keeps-the-window-of-closed-lanes', 'What a closed lane was granted is not given back.', {
    givesBack: (bytes, why) => (why === 'closed' ? 0 : bytes),
  }),
  bug('gives-back-twice', 'What is acknowledged is given back twice.', {
    givesBack: (bytes, why) => (why === 'acknowledged' ? 2 * bytes : bytes),
  }),
  bug('counts-twice', 'What a lane takes of a budget is counted twice.', {
    counts: (bytes) => 2 * bytes,
  }),
  bug('ignores-classes', 'Every lane is served as an interactive one.', {
    rank: () => 'interactive',
  }),
  bug('fills-every-queue', 'Bulk lanes send as much as they may, so that everything waits.', {
    pathHasRoom: () => true,
  }),
  bug('bulk-comes-first', 'Bulk lanes send before interactive ones and beyond their share.', {
    isPaidOut: () => true,
  }),
  bug('starves-bulk', 'Bulk lanes earn nothing while interactive ones fill the path.', {
    shareOfBulk: () => 0,
  }),
  bug('starves-scheduled', 'Scheduled lanes wait for as long as anybody sends.', {
    overdueAt: () => null,
  }),
  bug('never-acknowledges', 'What is handed on is not acknowledged.', {
    acknowledgesAtOnce: () => false,
    acknowledgeBy: () => null,
  }),
  bug('acknowledges-full-buffers-only', 'The end of a burst is not acknowledged.', {
    acknowledgeBy: () => null,
  }),
  bug('hides-the-unknown', 'A session that ends does not say what is unknown.', {
    reportsUnknown: () => false,
  }),
  bug('keeps-both', 'Each end keeps the connection that came last.', {
    choose: () => 'new',
  }),
  bug('keeps-the-first', 'A connection is never replaced.', {
    choose: () => 'current',
  }),
  bug('ends-on-hearsay', 'A session ends as soon as it has no connection to a failed peer.', {
    endsAt: (detachedMs, failedMs, { mostMs }) => detachedMs + (failedMs === null ? mostMs : 0),
  }),
  bug('waits-for-ever', 'A session is kept whatever membership says.', {
    endsAt: () => null,
  }),
  bug('closes-what-waits', 'A lane is closed although not everything on it is acknowledged.', {
    mayClose: ({ unusedMs, isInUse }) => unusedMs >= 10 && !isInUse,
  }),
  bug('closes-unread', 'Lanes are closed, at both ends, with messages that have not come.', {
    mayClose: ({ unusedMs, isInUse }) => unusedMs >= 10 && !isInUse,
    isWhole: () => true,
  }),
  bug('closes-lanes-in-use', 'A lane is closed although its owner waits for something.', {
    mayClose: ({ keptBytes, unusedMs, idleMs }) => keptBytes === 0 && unusedMs >= idleMs,
  }),
  bug('never-closes', 'A lane that nobody uses stays for ever.', {
    mayClose: () => false,
  }),
  bug('uses-numbers-again', 'A lane gets the number of one that was closed.', {
    laneNumber: (last) => (last % 3) + 1,
  }),
  bug('closes-for-ever', 'A lane stays half closed although its peer knows.', {
    knowsOfClose: () => false,
  }),
]
