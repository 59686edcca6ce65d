import { type LogFields, Supervisor, silentLogger } from '@nodosum/kernel'
import { systemScheduler } from '@nodosum/kernel/node'
import { describe, expect, it } from 'vitest'
import { supervisedScheduler } from '../src/supervised-scheduler.ts'
import { until } from './start-nodes.ts'

describe('a supervised scheduler', () => {
  it('logs and counts a timer or turn that throws, and runs the others', async () => {
    const logged: LogFields[] = []
    const logger = { ...silentLogger, error: (fields: LogFields) => void logged.push(fields) }
    const supervisor = new Supervisor({ logger, name: 'node' })
    const scheduler = supervisedScheduler(systemScheduler(), supervisor)
    const ran: string[] = []
    scheduler.after(1, () => {
      throw new Error('a bug')
    })
    scheduler.after(2, () => ran.push('next'))
    scheduler.after(3, () => ran.push('cancelled')).cancel()
    await until(() => ran.length === 1)
    expect(supervisor.failures).toBe(1)
    expect(logged).toMatchObject([{ event: 'task.failed', task: 'timer' }])
    scheduler.immediate(() => {
      throw new Error('another bug')
    })
    scheduler.immediate(() => ran.push('turn'))
    scheduler.immediate(() => ran.push('cancelled')).cancel()
    await until(() => ran.length === 2)
    expect(ran).toEqual(['next', 'turn'])
    expect(supervisor.failures).toBe(2)
    expect(logged[1]).toMatchObject({ event: 'task.failed', task: 'turn' })
    expect(scheduler.nowMs()).toBeGreaterThan(0)
    expect(scheduler.wallMs()).toBeGreaterThan(1_700_000_000_000)
  })
})
