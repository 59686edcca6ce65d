import { type AbortController, type AbortSignal, newAbortController } from './abort.ts'
import { invariant } from './invariant.ts'
import type { Logger } from './logger.ts'
import { isNodosumError, NodosumError } from './nodosum-error.ts'

/**
 * Runs callbacks and background tasks so that a throw stays where it happened: it is logged with
 * the event `task.failed`, counted, and nobody else notices. Nothing becomes an unhandled
 * rejection, and closing waits for what runs.
 */
export class Supervisor {
  readonly #logger: Logger
  readonly #name: string
  readonly #tasksMax: number
  readonly #onFailure: ((failure: { task: string; error: unknown }) => void) | undefined
  readonly #controller: AbortController = newAbortController()
  #failures = 0
  #running = 0
  #closed: Promise<void> | undefined
  #allEnded: (() => void) | undefined

  /**
   * @param options.name whose tasks these are; `component` in log lines
   * @param options.tasksMax how many tasks may run at once; 1,024 unless told
   * @param options.onFailure told of each failure after it was logged; what it throws is logged
   */
  constructor(options: {
    logger: Logger
    name: string
    tasksMax?: number
    onFailure?: (failure: { task: string; error: unknown }) => void
  }) {
    const tasksMax = options.tasksMax ?? 1_024
    invariant(Number.isInteger(tasksMax) && tasksMax >= 1, 'a supervisor needs room for a task')
    this.#logger = options.logger
    this.#name = options.name
    this.#tasksMax = tasksMax
    this.#onFailure = options.onFailure
  }

  /** How many callbacks and tasks have thrown. */
  get failures(): number {
    return this.#failures
  }

  /** How many tasks run now. */
  get running(): number {
    return this.#running
  }

  /**
   * The same callback (of a timer, a socket, an event), which no longer throws. It keeps working
   * after `close`, since sources of events end later than that.
   */
  guard<A extends unknown[]>(task: string, run: (...given: A) => void): (...given: A) => void {
    return (...given: A): void => {
      try {
        run(...given)
      } catch (error) {
        this.#failed(task, error)
      }
    }
  }

  /**
   * Starts a task in the background. It should end soon after its signal aborts; a rejection that
   * only says so is no failure.
   *
   * @throws `ERR_NODOSUM_LIMIT_PENDING` when `tasksMax` run already
   * @throws `ERR_NODOSUM_SHUT_DOWN` after `close`
   */
  run(task: string, work: (signal: AbortSignal) => Promise<void>): void {
    if (this.#closed !== undefined) {
      throw new NodosumError(
        'ERR_NODOSUM_SHUT_DOWN',
        `${this.#name} is closed; '${task}' was not started`,
        { details: { component: this.#name, task } },
      )
    }
    if (this.#running >= this.#tasksMax) {
      throw new NodosumError(
        'ERR_NODOSUM_LIMIT_PENDING',
        `${this.#name}: ${this.#tasksMax} tasks run already (tasksMax); '${task}' was not started`,
        { details: { component: this.#name, task, tasksMax: this.#tasksMax } },
      )
    }
    this.#running += 1
    void this.#attempt(task, work)
  }

  /**
   * Aborts every task's signal and resolves when all have ended; the same promise each time. A
   * task that ignores its signal holds it up, and no task may wait for it.
   */
  close(): Promise<void> {
    if (this.#closed !== undefined) return this.#closed
    this.#closed = new Promise<void>((resolve) => {
      this.#allEnded = resolve
    })
    this.#controller.abort(new NodosumError('ERR_NODOSUM_SHUT_DOWN', `${this.#name} is closing`))
    if (this.#running === 0) this.#allEnded?.()
    return this.#closed
  }

  async #attempt(task: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await work(this.#controller.signal)
    } catch (error) {
      if (!this.#isAbort(error)) this.#failed(task, error)
    }
    this.#running -= 1
    if (this.#running === 0) this.#allEnded?.()
  }

  #isAbort(error: unknown): boolean {
    const signal = this.#controller.signal
    if (!signal.aborted) return false
    if (error === signal.reason || isNodosumError(error, 'ERR_NODOSUM_CANCELLED')) return true
    // What Node's own functions reject with when a signal aborts.
    return error instanceof Error && error.name === 'AbortError'
  }

  #failed(task: string, error: unknown): void {
    this.#failures += 1
    this.#log(task, error, `${this.#name}: ${task} failed`)
    if (this.#onFailure === undefined) return
    try {
      this.#onFailure({ task, error })
    } catch (second) {
      this.#log(task, second, `${this.#name}: the failure handler threw for ${task}`)
    }
  }

  #log(task: string, error: unknown, message: string): void {
    const fields: Record<string, unknown> = {
      event: 'task.failed',
      component: this.#name,
      task,
      err: error,
    }
    if (isNodosumError(error)) fields.error_code = error.code
    try {
      this.#logger.error(fields, message)
    } catch {
      // A logger that throws must not bring down what it was told about.
    }
  }
}
