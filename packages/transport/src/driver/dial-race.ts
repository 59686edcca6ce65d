import { isNodosumError, NodosumError, type Scheduler, type TimerHandle } from '@nodosum/kernel'
import type { Connection, HostPort } from '../contract.ts'
import { mostTelling } from '../core/dial-errors.ts'
import type { DialRoute } from '../core/dial-plan.ts'

/** Dials one address over one transport. */
export type Connect = (
  kind: Connection['kind'],
  address: HostPort,
  signal: AbortSignal,
) => Promise<Connection>

/** What a race is run with. */
export interface RaceOptions {
  /** At least one, in order of preference. */
  readonly routes: readonly DialRoute[]
  readonly connect: Connect
  readonly signal: AbortSignal
  /** How long a transport has the dial for itself before the next one joins. */
  readonly fallbackAfterMs: number
  readonly scheduler: Scheduler
}

/**
 * Dials over the preferred transport; the next one joins when it failed or has not answered in
 * time. The first connection wins, the others are given up. Rejects, with the error that says most
 * and all of them in its cause, only when nothing of it is under way any more.
 */
export function raceDial(options: RaceOptions): Promise<Connection> {
  return new Promise((resolve, reject) => {
    void run(options, resolve).then((errors) => {
      if (errors !== null) reject(failureOf(errors))
    })
  })
}

/** Null when there is a winner, else what each transport failed with. */
async function run(
  options: RaceOptions,
  win: (connection: Connection) => void,
): Promise<Error[] | null> {
  const { routes, signal, scheduler, fallbackAfterMs } = options
  const giveUp = new AbortController()
  const abort = (): void => giveUp.abort()
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) giveUp.abort()
  const errors: Error[] = []
  const runs: Promise<void>[] = []
  let winner: Connection | null = null
  for (const [index, route] of routes.entries()) {
    if (winner !== null || giveUp.signal.aborted) break
    const attempt = dialRoute(route, options.connect, giveUp.signal).then(
      (connection) => {
        // One that came up although it was given up serves nobody.
        if (winner !== null || giveUp.signal.aborted) {
          return void connection.close({ reason: 'another transport was faster' })
        }
        winner = connection
        win(connection)
        giveUp.abort()
      },
      (error: unknown) => {
        errors[index] = errorOf(error)
      },
    )
    runs.push(attempt)
    const isLast = index === routes.length - 1
    if (!isLast) await settledOrLate(attempt, giveUp.signal, fallbackAfterMs, scheduler)
  }
  await Promise.all(runs)
  signal.removeEventListener('abort', abort)
  return winner === null ? errors : null
}

/** One transport: its addresses in order. */
async function dialRoute(
  route: DialRoute,
  connect: Connect,
  signal: AbortSignal,
): Promise<Connection> {
  const errors: Error[] = []
  for (const address of route.addresses) {
    if (signal.aborted) break
    try {
      return await connect(route.kind, address, signal)
    } catch (error) {
      errors.push(errorOf(error))
    }
  }
  throw failureOf(errors)
}

/** Resolves when the attempt has ended, when it is late, or when the dial is given up. */
function settledOrLate(
  attempt: Promise<void>,
  signal: AbortSignal,
  lateMs: number,
  scheduler: Scheduler,
): Promise<void> {
  return new Promise((resolve) => {
    let timer: TimerHandle | null = null
    const done = (): void => {
      timer?.cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    timer = scheduler.after(lateMs, done)
    signal.addEventListener('abort', done, { once: true })
    void attempt.then(done)
  })
}

/** The error that says most about the peer, with what the others said. */
function failureOf(errors: readonly Error[]): Error {
  const failed = errors.filter((error) => error !== undefined)
  const telling = mostTelling(failed) ?? givenUp()
  const others = failed.filter((error) => error !== telling)
  if (!isNodosumError(telling) || others.length === 0) return telling
  const message = [telling, ...others].map((error) => error.message).join('; and ')
  return new NodosumError(telling.code, message, {
    cause: new AggregateError([telling, ...others], message),
    details: { ...telling.details },
  })
}

function givenUp(): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', 'the dial was given up')
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
