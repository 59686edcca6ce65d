import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditDeliveries, type DeliveryAudit, type DeliveryDeeds } from './delivery-audit.ts'
import { isBook, readBook } from './delivery-book.ts'
import { type DeliveryFaultName, deliveryFaults } from './delivery-faults.ts'
import { Traders } from './traders.ts'

export interface DeliveryRun {
  readonly fault: DeliveryFaultName
  readonly nodes: number
  /** Messages that nobody waits for, of all nodes together; the others come on top. */
  readonly messages: number
  /** How often the fault strikes at least, if it is one that strikes. */
  readonly strikes: number
  /** Gives up when the messages have not been sent by then. */
  readonly secondsMax: number
  /** Keeps the books also when all is well. */
  readonly keep: boolean
}

export interface DeliveryResult extends DeliveryAudit {
  readonly fault: DeliveryFaultName
  readonly seconds: number
  readonly strikes: number
  readonly fired: Readonly<Record<string, number>>
  readonly directory: string
}

const victim = 'n1'
const lookMs = 100
const deedsFile = 'deeds.json'
const usual = {
  isSender: true,
  isReceiver: true,
  trouble: 'none',
  reloadEveryMs: 0,
  burst: 8,
} as const

/** Processes trade under a fault, and their books are joined. */
export async function runDelivery(run: DeliveryRun): Promise<DeliveryResult> {
  const fault = deliveryFaults[run.fault]
  const directory = mkdtempSync(join(tmpdir(), 'nodosum-delivery-'))
  const senders = run.nodes - (fault.victim?.isSender === false ? 1 : 0)
  const firesMax = Math.ceil(run.messages / senders)
  const wanted = Array.from({ length: run.nodes }, (_, at) => {
    const nodeId = `n${at}`
    const own = nodeId === victim ? fault.victim : undefined
    return { ...usual, nodeId, expect: run.nodes, firesMax, ...fault.everyone, ...own }
  })
  const traders = await Traders.make(directory, wanted, fault)
  const startedMs = performance.now()
  let strikes = 0
  try {
    await traders.startAll()
    const untilMs = performance.now() + run.secondsMax * 1_000
    const isOver = (): boolean =>
      performance.now() > untilMs ||
      (traders.fires >= run.messages && (fault.strike === undefined || strikes >= run.strikes))
    while (!isOver()) {
      if (fault.strike === undefined) await traders.pass(lookMs)
      else {
        await fault.strike(traders, victim)
        strikes += 1
      }
    }
    await traders.finish()
  } finally {
    await traders.end()
    const deeds = { ...traders.deeds, killed: [...traders.deeds.killed] }
    writeFileSync(join(directory, deedsFile), JSON.stringify(deeds))
  }
  const audit = auditDirectory(directory, traders.deeds)
  const problems = [...audit.problems]
  if (traders.fires < run.messages) {
    problems.push(`only ${traders.fires} of ${run.messages} messages in ${run.secondsMax} s`)
  }
  for (const name of Object.keys(fault.links ?? {})) {
    const counted = name.replace(/Ms$/, '')
    if (counted !== 'jitter' && (traders.firedFaults[counted] ?? 0) === 0) {
      problems.push(`the links were told ${name}, and it never happened`)
    }
  }
  if (problems.length === 0 && !run.keep) rmSync(directory, { recursive: true, force: true })
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10
  const { counts } = audit
  const { firedFaults: fired } = traders
  return { fault: run.fault, counts, problems, seconds, strikes, fired, directory }
}

/** Judges the books of a run. */
function auditDirectory(directory: string, deeds: DeliveryDeeds): DeliveryAudit {
  const books = readdirSync(directory)
    .filter(isBook)
    .map((file) => readBook(directory, file))
  return auditDeliveries(books, deeds)
}
