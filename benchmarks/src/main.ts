/**
 * `npm run bench -- [--case NAME]... [--peers none] [--rounds N] [--json] [--save] [--brief]`
 *
 * Every case runs in its own pair of processes; rounds of different cases take turns, so that a
 * noisy minute of the machine hits all of them.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { brief, type Case, cases, ratios } from './cases.ts'
import { Pair, type Round } from './pair.ts'
import { type CaseResult, resultOf, valueOfRound } from './statistics.ts'

const { values: flags } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    peers: { type: 'string', default: 'all' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    brief: { type: 'boolean', default: false },
  },
})

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}

const rounds = Number(flags.rounds)
if (!Number.isInteger(rounds) || rounds < 1) fail('--rounds takes a number of at least 1')
if (flags.peers !== 'all' && flags.peers !== 'none') fail('--peers takes all or none')
const names = cases.map(({ name }) => name)
const unknown = (flags.case ?? []).find((name) => !names.includes(name))
if (unknown !== undefined) fail(`no case ${unknown}; there are ${names.join(', ')}`)

/** Named cases run in any event; of the others, peers can be left out. */
const chosen = cases.filter(({ name, isPeer }) =>
  flags.case === undefined
    ? !isPeer || flags.peers === 'all'
    : flags.case.includes(name) || (isPeer && flags.peers === 'all' && isComparedTo(name)),
)

function isComparedTo(peer: string): boolean {
  return ratios.some(([ours, theirs]) => theirs === peer && flags.case?.includes(ours) === true)
}

function progress(text: string): void {
  if (!flags.json) process.stdout.write(`${text}\n`)
}

async function measure(selected: readonly Case[], count: number): Promise<CaseResult[]> {
  const running: { one: Case; pair: Pair; rounds: Round[] }[] = []
  try {
    for (const one of selected) {
      const pair = await Pair.start(one.subject)
      running.push({ one, pair, rounds: [] })
      // The first round compiles the hot paths and opens the windows; it does not count.
      await pair.round(brief(one.work))
      if (!flags.brief) await pair.round(one.work)
    }
    for (let round = 1; round <= count; round++) {
      for (const { one, pair, rounds: done } of running) {
        const result = await pair.round(one.work)
        done.push(result)
        const value = Number(valueOfRound(one, result).toPrecision(4)).toLocaleString('en')
        progress(`round ${round}/${count}  ${one.name.padEnd(24)} ${value} ${one.unit}`)
      }
    }
    return running.map(({ one, rounds: done }) => resultOf(one, done))
  } finally {
    await Promise.all(running.map(({ pair }) => pair.close()))
  }
}

function summary(results: readonly CaseResult[]): string {
  const lines = results.map(
    ({ case: name, unit, min, median, max, meta }) =>
      `${name.padEnd(24)} ${median.toLocaleString('en')} ${unit} ` +
      `(${min.toLocaleString('en')} to ${max.toLocaleString('en')})` +
      `${meta.p99Ms === undefined ? '' : `, p50 ${meta.p50Ms} ms, p99 ${meta.p99Ms} ms`}`,
  )
  for (const [ours, theirs] of ratios) {
    const [a, b] = [ours, theirs].map((name) => results.find((result) => result.case === name))
    if (a === undefined || b === undefined) continue
    lines.push(`${ours} / ${theirs} = ${(a.median / b.median).toFixed(1)}`)
  }
  return lines.join('\n')
}

function machine(): Record<string, unknown> {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()
  return {
    date: new Date().toISOString(),
    commit: git('rev-parse', 'HEAD'),
    isClean: git('status', '--porcelain', '--', 'packages', 'benchmarks/src') === '',
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  }
}

const selected = flags.brief ? chosen.map((one) => ({ ...one, work: brief(one.work) })) : chosen
const results = await measure(selected, flags.brief ? 1 : rounds)
const report = { cases: results }
if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
else process.stdout.write(`\n${summary(results)}\n`)
if (flags.save) {
  const file = join(
    import.meta.dirname,
    '../results',
    `${new Date().toISOString().slice(0, 10)}.json`,
  )
  writeFileSync(file, `${JSON.stringify({ machine: machine(), ...report }, null, 2)}\n`)
  progress(`wrote ${file}`)
}
