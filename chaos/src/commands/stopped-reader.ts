import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { Command } from 'commander'
import { transportKinds } from '../conformance/transports.ts'
import { runStoppedReader, type StoppedReader } from '../stopped-reader/run-stopped-reader.ts'
import { positive } from './positive.ts'

interface Given {
  readonly transport?: string
  readonly minutes: number
  readonly quiet: number
  readonly save?: string
}

/** Growth of memory that a run may have, in MiB per minute. */
const slopeMax = 1

export const stoppedReader: Command = new Command('stopped-reader')
  .description('a writer at full rate whose reader has stopped: its memory, and what others notice')
  .option('--transport <name>', 'quic or h2; both unless told')
  .option('--minutes <number>', 'how long the reader stands still', positive, 10)
  .option('--quiet <seconds>', 'how long small messages are timed before', positive, 20)
  .option('--save <file>', 'adds the results to those in this file')
  .action(async ({ transport: only, minutes, quiet, save }: Given) => {
    const results: StoppedReader[] = []
    for (const transport of transportKinds) {
      if (only !== undefined && only !== transport) continue
      const result = await runStoppedReader({
        transport,
        quietMs: quiet * 1_000,
        stoppedMs: minutes * 60_000,
      })
      results.push(result)
      console.log(JSON.stringify(result))
      for (const problem of problemsOf(result)) {
        console.log(`FAIL ${transport}: ${problem}`)
        process.exitCode = 1
      }
    }
    if (save === undefined) return
    const before = existsSync(save) ? JSON.parse(readFileSync(save, 'utf8')).results : []
    const machine = `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`
    const all = { machine, results: [...before, ...results.map((each) => ({ minutes, ...each }))] }
    writeFileSync(save, `${JSON.stringify(all, null, 2)}\n`)
  })

function problemsOf(result: StoppedReader): string[] {
  const { quiet, besideStopped, besideBulk, writerSlope, readerSlope, refused } = result
  const problems: string[] = []
  if (refused === 0) problems.push('the writer was never refused: nothing is shown')
  if (Math.max(writerSlope, readerSlope) >= slopeMax) {
    problems.push(`memory grows by ${writerSlope} and ${readerSlope} MiB a minute`)
  }
  for (const [where, { p99 }] of [
    ['a stopped reader', besideStopped],
    ['bulk', besideBulk],
  ] as const) {
    if (p99 < 2 * quiet.p99) continue
    problems.push(`beside ${where} the p99 is ${p99} ms, ${quiet.p99} ms without`)
  }
  return problems
}
