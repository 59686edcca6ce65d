import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TransportKind } from '../conformance/transports.ts'
import { percentile } from '../simulate/percentile.ts'
import { slopeOf } from './slope.ts'
import type { Memory, Order } from './stopped-reader-node.ts'

/** What a run is to do. */
export interface StoppedReaderRun {
  readonly transport: TransportKind
  /** How long small messages are timed, before and beside bulk. */
  readonly quietMs: number
  /** How long a writer at full rate meets a reader that has stopped. */
  readonly stoppedMs: number
}

/** Times of small messages there and back, in milliseconds. */
export interface Times {
  readonly count: number
  readonly p50: number
  readonly p99: number
}

/** What came of it. */
export interface StoppedReader {
  readonly transport: TransportKind
  readonly quiet: Times
  readonly besideBulk: Times
  readonly bulkMBPerSecond: number
  readonly besideStopped: Times
  /** Growth of resident memory while the reader has stopped, by least squares, in MiB per minute. */
  readonly writerSlope: number
  readonly readerSlope: number
  readonly writerMiB: number
  readonly readerMiB: number
  /** The most that the writer counted as kept and the reader as granted. */
  readonly bufferedBytesMax: number
  readonly grantedBytesMax: number
  /** Messages that the writer was refused while the reader had stopped. */
  readonly refused: number
  readonly acceptedByStopped: number
}

const sampleMs = 500
/** Of the time with a stopped reader, so much at the start is not judged: buffers fill, code warms up. */
const settlingShare = 0.25
const mebibyte = 1_048_576

/** Two processes: small messages alone, beside bulk at full rate, and beside a reader that has stopped. */
export async function runStoppedReader(run: StoppedReaderRun): Promise<StoppedReader> {
  const directory = mkdtempSync(join(tmpdir(), 'nodosum-stopped-reader-'))
  const children: Child[] = []
  try {
    const reader = await Child.start('reader', directory, run.transport)
    children.push(reader)
    const writer = await Child.start('writer', directory, run.transport)
    children.push(writer)
    await writer.ping(Math.min(run.quietMs, 2_000))
    const quiet = timesOf(await writer.ping(run.quietMs))

    await writer.ask({ order: 'write', application: 'flowing' })
    await writer.ping(Math.min(run.quietMs, 2_000))
    const [before, startedMs] = [await reader.memory(), performance.now()]
    const besideBulk = timesOf(await writer.ping(run.quietMs))
    const flowed = (await reader.memory()).flowedBytes - before.flowedBytes
    const bulkMBPerSecond = flowed / 1_000 / (performance.now() - startedMs)
    await writer.ask({ order: 'rest' })

    const atStop = await writer.memory()
    await writer.ask({ order: 'write', application: 'stopped' })
    const samples = sample([writer, reader], run.stoppedMs)
    const besideStopped = timesOf(await writer.ping(run.stoppedMs))
    const [ofWriter = [], ofReader = []] = await samples
    const last = await writer.memory()
    await writer.ask({ order: 'rest' })
    return {
      transport: run.transport,
      quiet,
      besideBulk,
      bulkMBPerSecond: round(bulkMBPerSecond),
      besideStopped,
      writerSlope: slopePerMinute(ofWriter),
      readerSlope: slopePerMinute(ofReader),
      writerMiB: round(last.residentBytes / mebibyte),
      readerMiB: round((ofReader.at(-1)?.memory.residentBytes ?? 0) / mebibyte),
      bufferedBytesMax: Math.max(...ofWriter.map(({ memory }) => memory.bufferedBytes)),
      grantedBytesMax: Math.max(...ofReader.map(({ memory }) => memory.grantedBytes)),
      refused: last.refused - atStop.refused,
      acceptedByStopped: last.accepted - atStop.accepted,
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Sample {
  readonly atMs: number
  readonly memory: Memory
}

async function sample(children: readonly Child[], forMs: number): Promise<Sample[][]> {
  const all: Sample[][] = children.map(() => [])
  const endMs = performance.now() + forMs
  while (performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, sampleMs))
    for (const [index, child] of children.entries()) {
      all[index]?.push({ atMs: performance.now(), memory: await child.memory() })
    }
  }
  return all
}

function slopePerMinute(samples: readonly Sample[]): number {
  const settled = samples.slice(Math.floor(samples.length * settlingShare))
  const points = settled.map(({ atMs, memory }): [number, number] => [
    atMs / 60_000,
    memory.residentBytes / mebibyte,
  ])
  return round(slopeOf(points))
}

function timesOf(tookMs: readonly number[]): Times {
  const [p50, p99] = [percentile(tookMs, 0.5), percentile(tookMs, 0.99)]
  return { count: tookMs.length, p50: round(p50), p99: round(p99) }
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

/** A process and what it is asked. */
class Child {
  readonly #process: ChildProcess
  readonly #answers = new Map<number, (answer: { answer?: unknown; problem?: string }) => void>()
  #number = 0

  private constructor(child: ChildProcess) {
    this.#process = child
    child.on('message', (message: { number: number; answer?: unknown; problem?: string }) => {
      this.#answers.get(message.number)?.(message)
      this.#answers.delete(message.number)
    })
    child.on('exit', (code) => {
      for (const answer of this.#answers.values()) answer({ problem: `it ended with ${code}` })
    })
  }

  static async start(id: string, directory: string, transport: TransportKind): Promise<Child> {
    const program = join(import.meta.dirname, 'stopped-reader-node.ts')
    const child = fork(program, [id, directory, transport], {
      execArgv: ['-C', 'nodosum-source'],
    })
    await once(child, 'message', { signal: AbortSignal.timeout(60_000) })
    return new Child(child)
  }

  ask(order: Order): Promise<unknown> {
    const number = ++this.#number
    return new Promise((resolve, reject) => {
      this.#answers.set(number, ({ answer, problem }) => {
        if (problem === undefined) resolve(answer)
        else reject(new Error(`${order.order}: ${problem}`))
      })
      this.#process.send({ ...order, number })
    })
  }

  async ping(forMs: number): Promise<number[]> {
    return (await this.ask({ order: 'ping', forMs })) as number[]
  }

  async memory(): Promise<Memory> {
    return (await this.ask({ order: 'memory' })) as Memory
  }

  async stop(): Promise<void> {
    const child = this.#process
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    this.ask({ order: 'close' }).catch(() => undefined)
    await ended
    clearTimeout(timer)
  }
}
