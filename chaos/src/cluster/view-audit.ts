import type { DeedEntry, Ledgers } from './view-ledger.ts'
import { type Death, ViewTimeline } from './view-timeline.ts'

/** One promise, and whether it was kept. */
export interface Finding {
  readonly what: string
  readonly measured: string
  readonly limit: string
  readonly isKept: boolean
}

/** What membership promises of clusters of real processes. */
export const promises = {
  /** A killed node is declared dead everywhere. */
  detectedWithinMs: 10_000,
  /** After the last start, the end of a partition or of a long pause, all views are right. */
  rightWithinMs: 15_000,
  /** On links that lose packets a wrong verdict is taken back. */
  takenBackWithinMs: 5_000,
} as const

/** Joins what was done to the nodes with what they believed. Books that say nothing are a failure. */
export function auditViews(ledgers: Pick<Ledgers, 'views' | 'deeds'>): Finding[] {
  const timeline = new ViewTimeline(ledgers)
  return [
    ...completeness(timeline),
    ...rightness(timeline),
    ...detection(timeline),
    falseDeaths(timeline),
    ...faultsThatFired(timeline),
    ...noticedPartitions(timeline),
  ]
}

/** Every node that was started, and not killed before, must have joined and written so. */
function completeness({ deeds, views }: ViewTimeline): Finding[] {
  const started = new Set(deeds.flatMap((deed) => (deed.kind === 'start' ? deed.nodes : [])))
  const joined = new Set(views.filter(({ kind }) => kind === 'joined').map(({ node }) => node))
  const missing = [...started].filter((id) => !joined.has(id))
  const ended = views.filter(({ kind }) => kind === 'refused' || kind === 'closed')
  return [
    {
      what: 'nodes that wrote down what they believed when they had joined',
      measured: `${joined.size} of ${started.size}`,
      limit: 'all of them, more than none',
      isKept: started.size > 0 && missing.length === 0,
    },
    {
      what: 'nodes that ended by themselves',
      measured: ended.map((entry) => `${entry.node}: ${JSON.stringify(entry)}`).join('; ') || '0',
      limit: '0',
      isKept: ended.length === 0,
    },
  ]
}

function rightness(timeline: ViewTimeline): Finding[] {
  return settlings(timeline).map(({ what, tookMs }) => ({
    what,
    measured: tookMs === null ? 'never' : seconds(tookMs),
    limit: seconds(promises.rightWithinMs),
    isKept: tookMs !== null && tookMs <= promises.rightWithinMs,
  }))
}

/** How long it took until all views were right, each time that they should have become so. */
export function settlings(timeline: ViewTimeline): { what: string; tookMs: number | null }[] {
  const { deeds } = timeline
  return deeds.flatMap((deed, at) => {
    const what = expectation(deeds, at)
    if (what === null) return []
    const toMs = deeds[at + 1]?.atMs ?? Number.POSITIVE_INFINITY
    return { what, tookMs: timeline.rightAfterMs(lastStartMs(timeline, deed, toMs), toMs) }
  })
}

/** When the last of the nodes called `createNode`: how long its process took before is Node's. */
function lastStartMs({ views }: ViewTimeline, deed: DeedEntry, toMs: number): number {
  if (deed.kind !== 'start') return deed.atMs
  const starts = views.filter(
    ({ kind, node, atMs }) =>
      kind === 'starting' && deed.nodes.includes(node) && atMs >= deed.atMs && atMs < toMs,
  )
  return Math.max(deed.atMs, ...starts.map(({ atMs }) => atMs))
}

/** What all views being right is expected after, if it is. */
function expectation(deeds: readonly DeedEntry[], at: number): string | null {
  const deed = deeds[at]
  const next = deeds[at + 1]
  if (deed?.kind === 'start' && next?.kind !== 'start') {
    return `all views right after the start of ${deed.nodes.length} nodes`
  }
  if (deed?.kind === 'heal') return 'all views right after the network has healed'
  if (deed?.kind === 'continue') return 'all views right after a pause'
  return null
}

function detection(timeline: ViewTimeline): Finding[] {
  return detections(timeline).map(({ of, others, tookMs }) => ({
    what: `${of}, killed, declared dead by all ${others} others`,
    measured: tookMs === null ? 'never' : seconds(tookMs),
    limit: seconds(promises.detectedWithinMs),
    isKept: tookMs !== null && tookMs <= promises.detectedWithinMs && others > 0,
  }))
}

/** How long it took until everybody else had declared a killed node dead. */
export function detections(
  timeline: ViewTimeline,
): { of: string; others: number; tookMs: number | null }[] {
  const found: { of: string; others: number; tookMs: number | null }[] = []
  const living = new Set<string>()
  for (const [at, deed] of timeline.deeds.entries()) {
    if (deed.kind === 'start') for (const id of deed.nodes) living.add(id)
    if (deed.kind !== 'kill') continue
    for (const id of deed.nodes) living.delete(id)
    const next = timeline.deeds[at + 1]
    // Who is back at once need not have been declared dead at all.
    if (next?.kind === 'start') {
      if (next.atMs - deed.atMs < promises.detectedWithinMs / 2) continue
    }
    for (const of of deed.nodes) {
      const tookMs = timeline.detectedMs(of, deed.atMs, [...living])
      found.push({ of, others: living.size, tookMs })
    }
  }
  return found
}

function falseDeaths({ deaths, deeds }: ViewTimeline): Finding {
  const isLossy = deeds.some(({ kind }) => kind === 'lose')
  const wrong = deaths.filter(({ excuse }) => excuse === null)
  const isHarmless = ({ takenBackMs }: Death): boolean =>
    isLossy && takenBackMs !== null && takenBackMs <= promises.takenBackWithinMs
  const bad = wrong.filter((death) => !isHarmless(death))
  const first = bad[0]
  const example = first === undefined ? '' : `, such as ${first.by} of ${first.of}`
  const count = `${wrong.length}${isLossy ? `, ${bad.length} not taken back in time` : ''}`
  return {
    what: 'living nodes that could be reached and were declared dead',
    measured: `${count}${example}`,
    limit: isLossy ? `each taken back within ${seconds(promises.takenBackWithinMs)}` : '0',
    isKept: bad.length === 0,
  }
}

/** A fault of the network that never happened proves nothing. */
function faultsThatFired({ deeds }: ViewTimeline): Finding[] {
  return deeds.flatMap((deed) =>
    deed.kind !== 'heal'
      ? []
      : {
          what: 'packets that the fault has dropped',
          measured: String(deed.dropped),
          limit: 'more than none',
          isKept: deed.dropped > 0,
        },
  )
}

/** One that nobody noticed does not show that it heals. */
function noticedPartitions({ deeds, deaths }: ViewTimeline): Finding[] {
  return deeds.flatMap((deed) => {
    if (deed.kind !== 'split') return []
    const pairs = deed.sides.reduce((product, side) => product * side.length, 2)
    const across = deaths.filter(({ atMs, excuse }) => atMs > deed.atMs && excuse === 'cut off')
    const noticed = new Set(across.map(({ by, of }) => `${by} ${of}`)).size
    const measured = `${noticed} of ${pairs}`
    const what = 'nodes declared dead across the partition, each by each'
    return { what, measured, limit: 'more than none', isKept: noticed > 0 }
  })
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
