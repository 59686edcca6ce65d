/** A thread that ends the process when its main thread hangs, for example inside the engine. */
import { Worker } from 'node:worker_threads'
import { NodosumError, type Scheduler, type TimerHandle } from '@nodosum/kernel'

/** What the thread is started with. */
export interface HangWatchdogData {
  /** Two numbers: the beats of the main thread. */
  readonly beats: SharedArrayBuffer
  readonly hangTimeoutMs: number
  readonly lookMs: number
}

/** A watchdog at work. */
export interface HangWatchdog {
  /** Ends the thread, and nothing else. */
  stop(): Promise<void>
}

const looksPerTimeout = 10
const lookMsMax = 1_000

/**
 * Starts the thread. The main thread shows on its scheduler that it turns; when it does not for
 * `hangTimeoutMs`, the thread writes why to standard error and kills the process, since nothing
 * gentler works while the main thread does not return.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID when this process may start no thread
 */
export async function startHangWatchdog(
  scheduler: Scheduler,
  hangTimeoutMs: number,
): Promise<HangWatchdog> {
  const lookMs = Math.min(lookMsMax, hangTimeoutMs / looksPerTimeout)
  const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  const worker = await started({ beats, hangTimeoutMs, lookMs })
  const count = new Int32Array(beats)
  let timer: TimerHandle
  const beat = (): void => {
    Atomics.add(count, 0, 1)
    timer = scheduler.after(lookMs, beat)
  }
  beat()
  return {
    stop: async () => {
      timer.cancel()
      await worker.terminate()
    },
  }
}

function started(workerData: HangWatchdogData): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void => {
      const message = 'hangWatchdog: this process cannot start a thread; switch it off'
      reject(new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message, { cause }))
    }
    try {
      const worker = new Worker(new URL(import.meta.resolve('#hang-watchdog')), { workerData })
      worker.once('error', failed)
      worker.once('message', () => resolve(worker))
      // The process may end while it watches.
      worker.unref()
    } catch (error) {
      failed(error)
    }
  })
}
