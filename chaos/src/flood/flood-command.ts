/** `npm run chaos -- flood`: the rounds of a flood, their judgement, and the file of results. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { machine } from '../machine.ts'
import { type FloodRound, floodLimits, p99FactorOf, problemsOf } from './judge-flood.ts'
import { type FloodKind, floodKinds } from './orders.ts'
import { runFlood } from './run-flood.ts'

/** What was asked for. */
export interface FloodCommand {
  readonly kind?: FloodKind | undefined
  readonly packets: number
  readonly seconds: number
  readonly quietSeconds: number
  readonly rounds: number
  /** Rounds are added to those in this file. */
  readonly save?: string | undefined
}

const warmUpMs = 2_000

interface Results {
  readonly machine: Readonly<Record<string, unknown>>
  readonly rounds: readonly FloodRound[]
}

/** Returns what is wrong; empty when every promise holds. */
export async function floodCommand(
  { kind, packets, seconds, quietSeconds, rounds, save }: FloodCommand,
  say: (line: string) => void,
): Promise<string[]> {
  const kinds = kind === undefined ? floodKinds : [kind]
  const done: FloodRound[] = []
  const problems: string[] = []
  for (const one of kinds) {
    for (let round = 0; round < rounds; round += 1) {
      const given = { kind: one, packetsPerSecond: packets, seconds, quietSeconds, warmUpMs }
      const result = await runFlood(given)
      done.push(result)
      problems.push(...problemsOf(result))
      say(lineOf(result))
    }
  }
  const all = [...(save === undefined ? [] : saved(save)), ...done]
  if (save !== undefined) {
    writeFileSync(save, `${JSON.stringify({ machine: machine(), rounds: all }, null, 2)}\n`)
  }
  for (const one of kinds) {
    const ofKind = all.filter((round) => round.kind === one)
    const factor = p99FactorOf(ofKind)
    say(`${one}: p99 x ${factor.toFixed(2)}, median of ${ofKind.length} rounds`)
    if (factor > floodLimits.p99Factor) {
      problems.push(`${one}: the p99 rose to ${factor.toFixed(2)} times what it was`)
    }
  }
  return problems
}

function lineOf(round: FloodRound): string {
  const { kind, sent, droppedBySystem, quietP99Ms, floodP99Ms, quietRssMib, floodRssMib } = round
  const growth = (floodRssMib - quietRssMib).toFixed(1)
  const answers = round.answersToStrangers + round.answersToMember
  return (
    `${kind}: ${sent} sent, ${droppedBySystem} dropped by the system, ${answers} answers, ` +
    `p99 ${quietP99Ms} -> ${floodP99Ms} ms, memory ${growth} MiB`
  )
}

function saved(file: string): readonly FloodRound[] {
  if (!existsSync(file)) return []
  return (JSON.parse(readFileSync(file, 'utf8')) as Results).rounds
}
