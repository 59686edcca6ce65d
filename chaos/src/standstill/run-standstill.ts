import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeOptions } from 'nodosum'
import type { Order, Report } from './standstill-node.ts'

/** What happened. */
export interface Standstill {
  /** By the id of the node. */
  readonly reports: Readonly<Record<string, Report>>
  /** In words; empty when nothing was lost, repeated or reordered. */
  readonly problems: readonly string[]
}

/** Silence of the network that a connection survives; much longer than any standstill here. */
const idleTimeoutMs = 30_000
const ids = ['first', 'second'] as const
const messagesBetween = 500
const patienceMs = 60_000

/**
 * Two processes send to each other without pause; then one of them does nothing but synchronous work
 * for a while, and later the other.
 */
export async function runStandstill(
  forMs: number,
  options: Partial<NodeOptions> = {},
): Promise<Standstill> {
  const directory = mkdtempSync(join(tmpdir(), 'nodosum-standstill-'))
  const children: ChildProcess[] = []
  try {
    for (const id of ids) children.push(await start(id, directory, options))
    await untilAllHave(children, messagesBetween)
    for (const child of children) {
      const before = await leastReceived(children)
      await ask(child, { order: 'stand-still', forMs })
      await untilAllHave(children, before + messagesBetween)
    }
    for (const child of children) await ask(child, { order: 'finish' })
    return await settled(children)
  } finally {
    await Promise.all(children.map(stop))
    rmSync(directory, { recursive: true, force: true })
  }
}

async function start(id: string, directory: string, more: object): Promise<ChildProcess> {
  const quic = { idleTimeoutMs, keepAliveMs: 3_000 }
  const options = JSON.stringify({ layers: { quic }, transport: 'quic', ...more })
  const program = join(import.meta.dirname, 'standstill-node.ts')
  const child = fork(program, [id, directory, options], { execArgv: ['-C', 'nodosum-source'] })
  await once(child, 'message')
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  child.send({ order: 'close' } satisfies Order)
  await ended
  clearTimeout(timer)
}

async function ask(child: ChildProcess, order: Order): Promise<unknown> {
  const answered = once(child, 'message')
  child.send(order)
  return (await answered)[0]
}

async function reportsOf(children: readonly ChildProcess[]): Promise<Report[]> {
  const reports: Report[] = []
  for (const child of children) reports.push((await ask(child, { order: 'report' })) as Report)
  return reports
}

async function leastReceived(children: readonly ChildProcess[]): Promise<number> {
  const counts = (await reportsOf(children)).map(
    ({ received }) => Object.values(received)[0]?.count ?? 0,
  )
  return Math.min(...counts)
}

async function untilAllHave(children: readonly ChildProcess[], count: number): Promise<void> {
  const deadline = performance.now() + patienceMs
  while ((await leastReceived(children)) < count) {
    if (performance.now() > deadline) {
      const reports = JSON.stringify(await reportsOf(children))
      throw new Error(`not ${count} messages each within ${patienceMs} ms: ${reports}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Waits until everything that was sent is there, or nothing comes any more. */
async function settled(children: readonly ChildProcess[]): Promise<Standstill> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const [first, second] = (await reportsOf(children)) as [Report, Report]
    const reports = { [ids[0]]: first, [ids[1]]: second }
    const problems = [
      ...problemsOf(ids[0], first, ids[1], second),
      ...problemsOf(ids[1], second, ids[0], first),
    ]
    if (problems.length === 0 || performance.now() > deadline) return { reports, problems }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function problemsOf(from: string, sender: Report, to: string, receiver: Report): string[] {
  const sent = sender.sent[to] ?? 0
  const { count = 0, gaps = 0 } = receiver.received[from] ?? {}
  const problems: string[] = []
  if (count !== sent) problems.push(`${from} sent ${sent} messages, ${to} got ${count}`)
  if (gaps > 0) problems.push(`${to} got messages of ${from} out of order ${gaps} times`)
  const codes = [...new Set(sender.undelivered)].join(', ')
  const { length } = sender.undelivered
  if (length > 0) problems.push(`${from} was told of ${length} undelivered messages: ${codes}`)
  return problems
}
