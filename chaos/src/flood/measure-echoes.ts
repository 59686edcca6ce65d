import type { Answer } from './orders.ts'

const echoesPerSecond = 100
/** Whole milliseconds, and one that has begun. */
const timerGrainMs = 2

/** At their times, whether or not earlier ones were answered: a stall counts in each of them. */
export async function measureEchoes(echo: () => Promise<unknown>, ms: number): Promise<Answer> {
  const count = Math.round((ms / 1_000) * echoesPerSecond)
  const startMs = performance.now()
  const latenciesMs: number[] = []
  let failed = 0
  const asked: Promise<void>[] = []
  for (let index = 0; index < count; index += 1) {
    const dueMs = startMs + (index * 1_000) / echoesPerSecond
    const earlyMs = dueMs - performance.now()
    if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.ceil(earlyMs)))
    // A timer that comes late by its own grain says nothing of the connection.
    const askedMs = Math.min(performance.now(), dueMs + timerGrainMs)
    const work = echo().then(
      () => void latenciesMs.push(performance.now() - askedMs),
      () => {
        failed += 1
      },
    )
    asked.push(work)
  }
  await Promise.all(asked)
  return { answer: 'measured', latenciesMs, failed }
}
