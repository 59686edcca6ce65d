import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type LogFields,
  type Logger,
  NodosumError,
  Supervisor,
  silentLogger,
} from '../../src/index.ts'

interface Line {
  readonly fields: LogFields
  readonly message: string
}

function recordingLogger(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = []
  const logger = {
    ...silentLogger,
    error: (fields: LogFields, message: string) => void lines.push({ fields, message }),
  }
  return { logger, lines }
}

/** Lets everything that is ready to run do so. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const unhandled: unknown[] = []
const remember = (reason: unknown): void => void unhandled.push(reason)

beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', remember)
})

afterEach(async () => {
  await settled()
  process.off('unhandledRejection', remember)
  expect(unhandled).toEqual([])
})

describe('a guarded callback', () => {
  it('passes its arguments on', () => {
    const supervisor = new Supervisor({ logger: silentLogger, name: 'test' })
    const seen: unknown[] = []
    const guarded = supervisor.guard('note', (a: number, b: string) => void seen.push(a, b))
    guarded(1, 'x')
    expect(seen).toEqual([1, 'x'])
    expect(supervisor.failures).toBe(0)
  })

  it('does not throw; the failure is logged, counted and reported', () => {
    const { logger, lines } = recordingLogger()
    const failures: unknown[] = []
    const supervisor = new Supervisor({
      logger,
      name: 'gossip',
      onFailure: (failure) => failures.push(failure),
    })
    const error = new NodosumError('ERR_NODOSUM_DECODE_FAILED', 'bad bytes')
    supervisor.guard('packet', () => {
      throw error
    })()
    expect(supervisor.failures).toBe(1)
    expect(failures).toEqual([{ task: 'packet', error }])
    expect(lines).toEqual([
      {
        message: 'gossip: packet failed',
        fields: {
          event: 'task.failed',
          component: 'gossip',
          task: 'packet',
          error_code: 'ERR_NODOSUM_DECODE_FAILED',
          err: error,
        },
      },
    ])
  })

  it('contains a failure handler that throws, and says so', () => {
    const { logger, lines } = recordingLogger()
    const supervisor = new Supervisor({
      logger,
      name: 'test',
      onFailure: () => {
        throw new Error('second')
      },
    })
    supervisor.guard('work', () => {
      throw new Error('first')
    })()
    expect(lines.map((line) => (line.fields.err as Error).message)).toEqual(['first', 'second'])
    expect(supervisor.failures).toBe(1)
  })

  it('contains a logger that throws, and still reports', () => {
    const failures: string[] = []
    const supervisor = new Supervisor({
      logger: {
        ...silentLogger,
        error: () => {
          throw new Error('disk full')
        },
      },
      name: 'test',
      onFailure: ({ task }) => failures.push(task),
    })
    supervisor.guard('work', () => {
      throw new Error('first')
    })()
    expect(supervisor.failures).toBe(1)
    expect(failures).toEqual(['work'])
  })

  it('keeps working after close', async () => {
    const supervisor = new Supervisor({ logger: silentLogger, name: 'test' })
    await supervisor.close()
    let calls = 0
    supervisor.guard('late', () => {
      calls += 1
    })()
    expect(calls).toBe(1)
  })
})

describe('a background task', () => {
  it('that rejects is logged and counted and disturbs no other', async () => {
    const { logger, lines } = recordingLogger()
    const supervisor = new Supervisor({ logger, name: 'test' })
    let finish = (): void => {}
    supervisor.run('good', () => new Promise<void>((resolve) => (finish = resolve)))
    supervisor.run('bad', () => Promise.reject(new Error('broken')))
    await settled()
    expect(supervisor.failures).toBe(1)
    expect(lines.map((line) => line.fields.task)).toEqual(['bad'])
    expect(supervisor.running).toBe(1)
    finish()
    await settled()
    expect(supervisor.running).toBe(0)
  })

  it('that throws before its first await does not throw at its starter', async () => {
    const supervisor = new Supervisor({ logger: silentLogger, name: 'test' })
    supervisor.run('bad', () => {
      throw new Error('at once')
    })
    await settled()
    expect(supervisor.failures).toBe(1)
    expect(supervisor.running).toBe(0)
  })

  it('is refused when as many run as may, and accepted again when one has ended', async () => {
    const supervisor = new Supervisor({ logger: silentLogger, name: 'dials', tasksMax: 2 })
    const finish: (() => void)[] = []
    const work = (): Promise<void> => new Promise((resolve) => void finish.push(resolve))
    supervisor.run('one', work)
    supervisor.run('two', work)
    expect(() => supervisor.run('three', work)).toThrow(
      expect.objectContaining({
        code: 'ERR_NODOSUM_LIMIT_PENDING',
        message: expect.stringContaining("'three' was not started"),
      }),
    )
    expect(finish).toHaveLength(2)
    finish[0]?.()
    await settled()
    expect(() => supervisor.run('three', work)).not.toThrow()
    for (const end of finish) end()
    await supervisor.close()
  })

  it('is refused after close', async () => {
    const supervisor = new Supervisor({ logger: silentLogger, name: 'test' })
    await supervisor.close()
    expect(() => supervisor.run('late', () => Promise.resolve())).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_SHUT_DOWN' }),
    )
  })

  it('cannot be limited to none', () => {
    expect(() => new Supervisor({ logger: silentLogger, name: 'test', tasksMax: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_INVARIANT_VIOLATED' }),
    )
  })
})

describe('closing a supervisor', () => {
  it('aborts every task and waits until the last has ended', async () => {
    const supervisor = new Supervisor({ logger: silentLogger, name: 'test' })
    const finish: (() => void)[] = []
    const aborted: string[] = []
    for (const task of ['one', 'two']) {
      supervisor.run(task, (signal) => {
        signal.addEventListener('abort', () => aborted.push(task))
        return new Promise((resolve) => void finish.push(resolve))
      })
    }
    let closed = false
    const closing = supervisor.close().then(() => {
      closed = true
    })
    expect(aborted).toEqual(['one', 'two'])
    finish[0]?.()
    await settled()
    expect(closed).toBe(false)
    finish[1]?.()
    await closing
    expect(supervisor.running).toBe(0)
  })

  it('takes the abort itself for no failure, but another error for one', async () => {
    const { logger, lines } = recordingLogger()
    const supervisor = new Supervisor({ logger, name: 'test' })
    const rejectOnAbort =
      (reason: (signal: AbortSignal) => unknown) =>
      (signal: AbortSignal): Promise<void> =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(reason(signal)))
        })
    supervisor.run(
      'reason',
      rejectOnAbort((signal) => signal.reason),
    )
    supervisor.run(
      'cancelled',
      rejectOnAbort(() => new NodosumError('ERR_NODOSUM_CANCELLED', 'cancelled')),
    )
    supervisor.run(
      'node',
      rejectOnAbort(() => Object.assign(new Error('aborted'), { name: 'AbortError' })),
    )
    supervisor.run(
      'broken',
      rejectOnAbort(() => new Error('could not save')),
    )
    await supervisor.close()
    expect(lines.map((line) => line.fields.task)).toEqual(['broken'])
    expect(supervisor.failures).toBe(1)
  })

  it('counts the same errors as failures while nobody closes', async () => {
    const supervisor = new Supervisor({ logger: silentLogger, name: 'test' })
    supervisor.run('early', () =>
      Promise.reject(new NodosumError('ERR_NODOSUM_CANCELLED', 'cancelled')),
    )
    await settled()
    expect(supervisor.failures).toBe(1)
  })

  it('can be asked for twice', async () => {
    const supervisor = new Supervisor({ logger: silentLogger, name: 'test' })
    const first = supervisor.close()
    expect(supervisor.close()).toBe(first)
    await first
  })

  it('hands tasks a signal that functions of the runtime take', async () => {
    const supervisor = new Supervisor({ logger: silentLogger, name: 'test' })
    let combined: AbortSignal | undefined
    supervisor.run('combine', async (signal) => {
      combined = AbortSignal.any([signal])
    })
    await supervisor.close()
    expect(combined?.aborted).toBe(true)
    expect(combined?.reason).toMatchObject({ code: 'ERR_NODOSUM_SHUT_DOWN' })
  })
})

describe('the silent logger', () => {
  it('takes every line and writes none', () => {
    const child = silentLogger.child({ node_id: 'a' })
    for (const level of ['debug', 'info', 'warn', 'error'] as const) {
      expect(child[level]({ event: 'x' }, 'y')).toBeUndefined()
    }
  })
})
