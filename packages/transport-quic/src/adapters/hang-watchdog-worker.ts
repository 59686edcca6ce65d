/** The thread of the watchdog: looks at the beats of the main thread and ends a process without. */
import { writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { HangWatchdogData } from './hang-watchdog.ts'

const { beats, hangTimeoutMs, lookMs } = workerData as HangWatchdogData
const count = new Int32Array(beats)
let seen = Atomics.load(count, 0)
let lookedMs = performance.now()
let stillMs = 0

function look(): void {
  const nowMs = performance.now()
  // Time counts only as far as this thread ran: a process that was stopped as a whole does not hang.
  const sinceMs = Math.min(nowMs - lookedMs, 2 * lookMs)
  lookedMs = nowMs
  const beat = Atomics.load(count, 0)
  stillMs = beat === seen ? stillMs + sinceMs : 0
  seen = beat
  if (stillMs >= hangTimeoutMs) end()
}

/** Not through `process.stderr`: in a thread that needs the main thread. */
function end(): void {
  const words =
    `nodosum: ERR_NODOSUM_EVENT_LOOP_STUCK: process ${process.pid} has not turned its event loop ` +
    `for ${Math.round(stillMs)} ms (hangTimeoutMs ${hangTimeoutMs}), perhaps in the QUIC engine; ` +
    'the watchdog ends it\n'
  try {
    writeSync(2, words)
  } finally {
    process.kill(process.pid, 'SIGKILL')
  }
}

setInterval(look, lookMs)
parentPort?.postMessage('watching')
