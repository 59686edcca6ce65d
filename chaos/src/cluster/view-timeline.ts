import type { DeedEntry, Ledgers, ViewEntry } from './view-ledger.ts'

/** A node that another one declared dead. */
export interface Death {
  readonly atMs: number
  readonly by: string
  readonly of: string
  /** Why that was right, or no wonder; null when the node lived and could be reached. */
  readonly excuse: 'killed' | 'stopped' | 'cut off' | null
  /** Until the same node took it back; null when it never did. */
  readonly takenBackMs: number | null
}

/** A moment from which on all views were right, or stopped being so. */
interface Turn {
  readonly atMs: number
  readonly isRight: boolean
}

/** Pauses up to this long must not kill; longer ones may. */
const harmlessPauseMs = 3_400
/** So long after a pause or a partition old verdicts may still arrive. */
const aftermathMs = 15_000

/** What the books say, in the order in which it happened. */
export class ViewTimeline {
  readonly deaths: readonly Death[]
  readonly deeds: readonly DeedEntry[]
  readonly views: readonly ViewEntry[]
  readonly #turns: readonly Turn[]

  constructor({ views, deeds }: Pick<Ledgers, 'views' | 'deeds'>) {
    this.deeds = deeds
    this.views = [...views].sort((a, b) => a.atMs - b.atMs)
    this.#turns = turnsOf(this.views, deeds)
    this.deaths = this.#deathsIn(this.views)
  }

  /**
   * How long after `fromMs` the last wrong view of any living node was put right; null when one was
   * still wrong at `toMs`.
   */
  rightAfterMs(fromMs: number, toMs: number): number | null {
    const before = this.#turns.findLast(({ atMs }) => atMs <= fromMs)
    const within = this.#turns.filter(({ atMs }) => atMs > fromMs && atMs < toMs)
    const last = within.at(-1) ?? before
    if (last === undefined || !last.isRight) return null
    const wrong = [...(before === undefined ? [] : [before]), ...within].some(
      (turn) => !turn.isRight,
    )
    return wrong ? Math.max(0, last.atMs - fromMs) : 0
  }

  /** When each of the nodes that lived on had declared it dead; null when one never did. */
  detectedMs(of: string, killedMs: number, observers: readonly string[]): number | null {
    let slowest = 0
    for (const by of observers) {
      const death = this.deaths.find(
        (one) => one.by === by && one.of === of && one.atMs >= killedMs,
      )
      if (death === undefined) return null
      slowest = Math.max(slowest, death.atMs - killedMs)
    }
    return slowest
  }

  #deathsIn(views: readonly ViewEntry[]): Death[] {
    const deaths: Death[] = []
    for (const [at, entry] of views.entries()) {
      if (entry.kind !== 'changed' || entry.change !== 'failed') continue
      const { atMs, node: by, of } = entry
      const back = views
        .slice(at + 1)
        .find(
          (later) =>
            later.node === by &&
            later.kind === 'changed' &&
            later.of === of &&
            isPresent(later.state),
        )
      const takenBackMs = back === undefined ? null : back.atMs - atMs
      deaths.push({ atMs, by, of, excuse: excuseFor(this.deeds, atMs, by, of), takenBackMs })
    }
    return deaths
  }
}

function isPresent(state: string): boolean {
  return state !== 'failed' && state !== 'left'
}

/** Nodes that run after each deed. */
function livingAfter(living: Set<string>, deed: DeedEntry): void {
  if (deed.kind === 'start') for (const id of deed.nodes) living.add(id)
  if (deed.kind === 'kill') for (const id of deed.nodes) living.delete(id)
}

function turnsOf(views: readonly ViewEntry[], deeds: readonly DeedEntry[]): Turn[] {
  const living = new Set<string>()
  const believed = new Map<string, Set<string> | null>()
  const wrong = new Set<string>()
  const judge = (node: string): void => {
    const view = believed.get(node)
    const isRight = view?.size === living.size && [...living].every((id) => view.has(id))
    if (isRight || !living.has(node)) wrong.delete(node)
    else wrong.add(node)
  }
  const turns: Turn[] = []
  const events = [...deeds, ...views].sort((a, b) => a.atMs - b.atMs)
  for (const event of events) {
    if ('node' in event) {
      believe(believed, event)
      judge(event.node)
    } else {
      livingAfter(living, event)
      if (event.kind === 'start' || event.kind === 'kill') {
        for (const id of event.nodes) believed.set(id, null)
        for (const id of new Set([...living, ...event.nodes])) judge(id)
      }
    }
    const isRight = wrong.size === 0
    if (turns.at(-1)?.isRight !== isRight) turns.push({ atMs: event.atMs, isRight })
  }
  return turns
}

function believe(believed: Map<string, Set<string> | null>, entry: ViewEntry): void {
  if (entry.kind === 'joined') {
    const present = Object.entries(entry.view).filter(([, state]) => isPresent(state))
    believed.set(entry.node, new Set(present.map(([id]) => id)))
  } else if (entry.kind === 'changed') {
    const view = believed.get(entry.node)
    if (isPresent(entry.state)) view?.add(entry.of)
    else view?.delete(entry.of)
  } else believed.set(entry.node, null)
}

function excuseFor(
  deeds: readonly DeedEntry[],
  atMs: number,
  by: string,
  of: string,
): Death['excuse'] {
  const living = new Set<string>()
  const stopped = new Map<string, number>()
  let excuse: Death['excuse'] = null
  let sides: readonly (readonly string[])[] | null = null
  let healedMs = Number.NEGATIVE_INFINITY
  let lastSides: readonly (readonly string[])[] = []
  for (const deed of deeds) {
    if (deed.atMs > atMs) break
    livingAfter(living, deed)
    if (deed.kind === 'stop') for (const id of deed.nodes) stopped.set(id, deed.atMs)
    if (deed.kind === 'continue') {
      for (const id of deed.nodes) {
        const pausedMs = deed.atMs - (stopped.get(id) ?? deed.atMs)
        stopped.delete(id)
        const isFresh = atMs - deed.atMs < aftermathMs
        if (pausedMs > harmlessPauseMs && isFresh && (id === by || id === of)) excuse = 'stopped'
      }
    }
    if (deed.kind === 'split') sides = lastSides = deed.sides
    if (deed.kind === 'heal' && sides !== null) {
      sides = null
      healedMs = deed.atMs
    }
  }
  if (!living.has(of)) return 'killed'
  const start = deeds.findLast(
    (deed) => deed.kind === 'start' && deed.atMs <= atMs && deed.nodes.includes(of),
  )
  const kill = deeds.findLast(
    (deed) => deed.kind === 'kill' && deed.atMs <= atMs && deed.nodes.includes(of),
  )
  // It is back so soon that the verdict is about the process before.
  if (kill !== undefined && start !== undefined && atMs - kill.atMs < aftermathMs) return 'killed'
  for (const id of [by, of]) {
    const sinceMs = stopped.get(id)
    if (sinceMs !== undefined && atMs - sinceMs > harmlessPauseMs) return 'stopped'
  }
  if (excuse !== null) return excuse
  const isCut = (of_: readonly (readonly string[])[]): boolean =>
    of_.some((side) => side.includes(by) !== side.includes(of))
  if (sides !== null && isCut(sides)) return 'cut off'
  return atMs - healedMs < aftermathMs && isCut(lastSides) ? 'cut off' : null
}
