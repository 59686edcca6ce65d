import type { ApplicationMetrics, Node } from 'nodosum'
import type { StackBook } from './stack-book.ts'
import { messageApplications, requestApplication } from './stack-node.ts'
import { type Call, countedOf, type StackProcess, startsOf } from './stack-records.ts'

/** What the counters of a process should say about one application, by its book. */
interface Expected {
  /** Copies that were taken for sure, and those that may have been. */
  readonly taken: number
  readonly maybe: number
  /** Copies of which a handler has started. */
  readonly started: number
  /** Told to `undelivered`. */
  readonly undelivered: number
}

/** The product's own counters have to agree with the book, at any time. */
export function checkCounters(book: StackBook, process: StackProcess, node: Node): void {
  const { applications } = node.metrics()
  const violated = (application: string, words: string, counters: ApplicationMetrics): void =>
    book.violated(
      'the counters agree with the book',
      `${process.name} ${application}: ${words}: ${JSON.stringify(counters)}`,
    )
  for (const [application, counters] of Object.entries(applications)) {
    const { accepted, delivered, rejected, expired, unknown, inFlight } = counters
    const sum = delivered + rejected + expired + unknown + inFlight
    if (accepted !== sum || inFlight < 0) violated(application, `the outcomes are ${sum}`, counters)
    const calls = process.calls.filter((call) => call.application === application)
    if (messageApplications.includes(application)) {
      checkMessages(expectedOf(process, calls, application), counters, (words) =>
        violated(application, words, counters),
      )
      continue
    }
    // Each call has at most one attempt under way.
    const pending = process.pending.get(application) ?? 0
    if (inFlight > pending) violated(application, `${pending} calls wait`, counters)
    if (application !== requestApplication) continue
    const replied = calls.filter(({ answer }) => answer === 'replied' || answer === remoteError)
    if (delivered !== replied.length) {
      violated(application, `${replied.length} callers have a reply`, counters)
    }
  }
}

const remoteError = 'ERR_NODOSUM_REMOTE_ERROR'

function checkMessages(
  { taken, maybe, started, undelivered }: Expected,
  counters: ApplicationMetrics,
  violated: (words: string) => void,
): void {
  const { accepted, delivered, rejected, expired, unknown } = counters
  if (accepted < taken || accepted > taken + maybe) {
    violated(`${taken} to ${taken + maybe} were taken`)
  }
  if (delivered > started) violated(`${started} handlers have started`)
  if (rejected + expired + unknown !== undelivered) {
    violated(`${undelivered} were told as undelivered`)
  }
}

function expectedOf(process: StackProcess, calls: readonly Call[], application: string): Expected {
  let [taken, maybe, started] = [0, 0, 0]
  for (const call of calls) {
    for (const copy of countedOf(call)) {
      if (copy.hasStarted) started += 1
      if (copy.hasStarted || copy.taken === 'yes') taken += 1
      else if (copy.taken === 'maybe') maybe += 1
    }
    // Nobody has been told yet which copies there are.
    if (call.answer === null && call.way !== 'try') maybe += copiesMax
  }
  const told = [...process.undelivered.values()].filter((one) => one.application === application)
  return { taken, maybe, started, undelivered: told.length }
}

/** A broadcast reaches every node. */
const copiesMax = 8

/** Nothing moves any more: nobody waits. */
export function checkAnswered(book: StackBook): void {
  for (const process of book.processes) {
    const waiting = process.calls.filter(({ answer }) => answer === null)
    const [first] = waiting
    if (first === undefined) continue
    book.violated('every call has one answer', `${waiting.length} have none, as ${first.job.id}`)
  }
}

/** Everything that this process has accepted has ended. */
export function checkIdle(book: StackBook, process: StackProcess, node: Node): void {
  for (const [application, { inFlight }] of Object.entries(node.metrics().applications)) {
    if (inFlight === 0) continue
    const words = `${inFlight} of ${application} in flight at ${process.name}`
    book.violated('nothing is in flight at rest', words)
  }
}

/** As many messages are told as undelivered as have started no handler. */
export function checkConservation(book: StackBook, process: StackProcess): void {
  for (const application of messageApplications) {
    const missing = process.calls
      .filter((call) => call.application === application)
      .flatMap((call) => countedOf(call).map((copy) => ({ ...copy, id: call.job.id })))
      .filter(({ hasStarted, taken }) => !hasStarted && taken !== 'no')
    const told = [...process.undelivered]
      .filter(([messageId, one]) => one.application === application && !book.hasStarted(messageId))
      .map(([, { to }]) => to)
    const lost = (of: typeof missing, heard: number, where: string): void => {
      const sure = of.filter(({ taken }) => taken === 'yes').length
      if (heard >= sure && heard <= of.length) return
      const range = `${sure} to ${of.length} of ${process.name} to ${where} (${application})`
      const words = `${range} did not start, ${heard} were told, such as ${of[0]?.id ?? 'none'}`
      book.violated('nothing is lost in silence', words)
    }
    lost(missing, told.length, 'all')
    // What a rule has found can have gone to any of them.
    const byRule = missing.filter(({ node }) => node === null)
    for (const to of new Set(told)) {
      const heard = told.filter((node) => node === to).length
      const named = missing.filter(({ node }) => node === to)
      if (heard > named.length + byRule.length) lost(named, heard, to)
    }
    for (const to of new Set(missing.map(({ node }) => node))) {
      const named = missing.filter(({ node }) => node === to)
      const sure = named.filter(({ taken }) => taken === 'yes').length
      const heard = told.filter((node) => node === to).length
      if (to !== null && heard < sure) lost(named, heard, to)
    }
  }
}

/** After a rest all agree who owns what: what was asked by key was answered by one node. */
export function checkOwners(book: StackBook, calls: readonly Call[]): void {
  const owners = new Map<string, Set<string>>()
  for (const call of calls) {
    const nodes = owners.get(call.key ?? '') ?? new Set<string>()
    for (const { at } of startsOf(call)) nodes.add(at.node)
    owners.set(call.key ?? '', nodes)
  }
  for (const [key, nodes] of owners) {
    if (nodes.size !== 1) book.violated('a key has one owner', `${key}: ${[...nodes].join(', ')}`)
  }
}
