/** How a call goes out. */
export type Way = 'fire' | 'try' | 'received' | 'handled' | 'broadcast' | 'request' | 'stream'

/** What a handler is given, and does. */
export interface Job {
  readonly id: string
  /** How long it works, in milliseconds; 0: it is done at once. */
  readonly work: number
  /** 1: it throws at its end. */
  readonly fails: number
  readonly pad: string
}

/** What a handler of requests answers. */
export interface Answer {
  readonly id: string
  readonly messageId: string
}

/** What somebody asks for. */
export interface Asked {
  readonly way: Way
  readonly application: string
  readonly lane: string
  /** The nodes that are named; null when a rule finds them. */
  readonly to: readonly string[] | null
  /** Of `ownerOf`. */
  readonly key: string | null
  readonly job: Job
  readonly timeoutMs: number
  readonly isIdempotent: boolean
  /** Without a fault it gets what it asks for: its time is more than any queue takes. */
  readonly isPatient: boolean
}

/** A handler that was started. */
export interface Start {
  readonly messageId: string
  readonly at: StackProcess
  readonly startedMs: number
  ended: 'done' | 'threw' | null
  /** Its signal has aborted. */
  isAborted: boolean
}

/** One copy of a message to one node. */
export interface Copy {
  /** Whether the product took it, as far as its caller was told. */
  taken: 'yes' | 'no' | 'maybe'
  readonly starts: Start[]
}

/** A call and everything that came of it. */
export interface Call extends Asked {
  readonly process: StackProcess
  /** Rises with each call of a process. */
  readonly number: number
  readonly askedMs: number
  /** Null while its caller waits; then a word or a code. */
  answer: string | null
  /** When its caller gave it up. */
  cancelledMs: number | null
  readonly copies: Map<string, Copy>
}

/** A message that the product said it could not deliver. */
export interface Told {
  readonly application: string
  readonly to: string
  readonly code: string
}

/** One process of a node: each start is another. */
export interface StackProcess {
  readonly name: string
  readonly node: string
  readonly boot: number
  readonly calls: Call[]
  /** By application: how many have no answer. */
  readonly pending: Map<string, number>
  readonly undelivered: Map<string, Told>
  /** By application and kind: handlers that have started and not ended. */
  readonly running: Map<string, number>
  state: 'running' | 'draining' | 'drained' | 'closing' | 'closed' | 'killed'
  isPaused: boolean
  /** When it last went on after it had stood still. */
  resumedMs: number
}

/** The copy to one node; there is none before somebody takes or starts it. */
export function copyOf(call: Call, node: string): Copy {
  let copy = call.copies.get(node)
  if (copy === undefined) {
    copy = { taken: 'maybe', starts: [] }
    call.copies.set(node, copy)
  }
  return copy
}

/** A message as it is to be counted. */
export interface Counted {
  /** Null when a rule found it and no handler has started. */
  readonly node: string | null
  readonly taken: 'yes' | 'no' | 'maybe'
  readonly hasStarted: boolean
}

/** Every copy that there is of a message, as far as it is known. */
export function countedOf(call: Call): Counted[] {
  const counted = [...call.copies].flatMap(([node, { taken, starts }]): Counted[] =>
    node === byRule ? [] : [{ node, taken, hasStarted: starts.length > 0 }],
  )
  const found = call.copies.get(byRule)
  if (found === undefined || counted.length > 0) return counted
  return [{ node: null, taken: found.taken, hasStarted: false }]
}

/** In place of a node: the one that a rule has found. */
export const byRule = ''

export function startsOf(call: Call): Start[] {
  return [...call.copies.values()].flatMap(({ starts }) => starts)
}

/** A call in few words. */
export function describe(call: Call, what: string): string {
  const to = call.to === null ? (call.key ?? 'any') : call.to.join('+')
  return `${call.job.id} (${call.way} ${call.application}/${call.lane} to ${to}): ${what}`
}
