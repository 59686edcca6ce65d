import { type LogFields, type Logger, NodosumError, Supervisor } from '@nodosum/kernel'
import { type SimulatedScheduler, simulatedScheduler } from '@nodosum/testkit'
import { describe, expect, it, vi } from 'vitest'
import type { MembershipSnapshot } from '../../src/core/effects.ts'
import { SnapshotWriter } from '../../src/driver/snapshot-writer.ts'

const of = (epoch: number): MembershipSnapshot => ({ epoch, peers: [] })

interface Disk {
  readonly written: number[]
  readonly lines: string[]
  readonly writer: SnapshotWriter
  readonly scheduler: SimulatedScheduler
  problem: Error | null
}

/** A disk that fails as long as it has a problem. */
function disk(): Disk {
  const lines: string[] = []
  const line = (level: string) => (fields: LogFields) => {
    lines.push(`${level} ${fields.event} ${fields.error_code ?? ''}`.trim())
  }
  const logger: Logger = {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: () => logger,
  }
  const scheduler = simulatedScheduler()
  const written: number[] = []
  const store = {
    load: async () => ({ snapshot: null, problem: made.problem as NodosumError | null }),
    save: async ({ epoch }: MembershipSnapshot) => {
      if (made.problem !== null) throw made.problem
      written.push(epoch)
    },
  }
  const supervisor = new Supervisor({ logger, name: 'membership' })
  const writer = new SnapshotWriter({ store, supervisor, scheduler, logger })
  const made: Disk = { written, lines, writer, scheduler, problem: null }
  return made
}

const full = (): NodosumError => new NodosumError('ERR_NODOSUM_STORE_FULL', 'no room')
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('snapshots on a disk that is full', () => {
  it('are a coded problem that is logged once, however often it is tried', async () => {
    const at = disk()
    at.problem = full()
    at.writer.save(of(1))
    await settled()
    expect(at.writer.problem?.code).toBe('ERR_NODOSUM_STORE_FULL')
    for (let times = 0; times < 5; times += 1) {
      at.scheduler.runFor(30_000)
      await settled()
    }
    expect(at.lines).toEqual(['error snapshot.failed ERR_NODOSUM_STORE_FULL'])
  })

  it('are written once there is room, also when nothing has changed since', async () => {
    const at = disk()
    at.problem = full()
    at.writer.save(of(1))
    await settled()
    at.writer.save(of(2))
    await settled()
    at.problem = null
    expect(at.written).toEqual([])
    at.scheduler.runFor(30_000)
    await vi.waitFor(() => expect(at.written).toEqual([2]))
    expect(at.writer.problem).toBe(null)
    expect(at.lines.at(-1)).toBe('info snapshot.saved')
    at.scheduler.runFor(120_000)
    await settled()
    expect(at.written).toEqual([2])
  })

  it('are a new line in the log when the trouble is another one, and have a code in any case', async () => {
    const at = disk()
    at.problem = full()
    at.writer.save(of(1))
    await settled()
    at.problem = new Error('on fire')
    at.writer.save(of(2))
    await settled()
    expect(at.lines).toEqual([
      'error snapshot.failed ERR_NODOSUM_STORE_FULL',
      'error snapshot.failed ERR_NODOSUM_STORE_FAILED',
    ])
    expect(at.writer.problem?.message).toContain('on fire')
  })

  it('are not tried again after the end', async () => {
    const at = disk()
    at.problem = full()
    at.writer.save(of(1))
    await settled()
    at.writer.close()
    at.problem = null
    at.scheduler.runFor(120_000)
    await settled()
    expect(at.written).toEqual([])
    expect(at.scheduler.pendingTimers).toBe(0)
  })
})

describe('a snapshot that cannot be used', () => {
  it('is a warning with its code, and no snapshot', async () => {
    const at = disk()
    at.problem = new NodosumError('ERR_NODOSUM_STORE_CORRUPT', 'damaged')
    expect(await at.writer.load()).toBe(null)
    expect(at.lines).toEqual(['warn snapshot.unusable ERR_NODOSUM_STORE_CORRUPT'])
  })
})
