import { describe, expect, it, vi } from 'vitest'
import { NodosumError } from '../../src/index.ts'
import { type JsonLoggerOptions, jsonLogger } from '../../src/node.ts'

function collecting(options: JsonLoggerOptions = {}) {
  const lines: string[] = []
  const logger = jsonLogger({ write: (line) => void lines.push(line), ...options })
  const records = (): Record<string, unknown>[] =>
    lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return { logger, lines, records }
}

describe('jsonLogger', () => {
  it('writes one JSON object a line, with level, time, message and fields', () => {
    const { logger, lines, records } = collecting()
    logger.info({ event: 'member.joined', peer_id: 'shop-2' }, 'a member\njoined')
    expect(lines[0]).toMatch(/^\{"level":"info","time":"[^"]+","msg":[^\n]+\}\n$/)
    expect(records()[0]).toMatchObject({
      level: 'info',
      msg: 'a member\njoined',
      event: 'member.joined',
      peer_id: 'shop-2',
    })
    const time = records()[0]?.time as string
    expect(new Date(time).toISOString()).toBe(time)
  })

  it.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    [undefined, ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
    ['silent', []],
  ] as const)('at level %s writes %j', (level, expected) => {
    const { logger, records } = collecting(level === undefined ? {} : { level })
    for (const each of ['debug', 'info', 'warn', 'error'] as const) logger[each]({}, each)
    expect(records().map((record) => record.level)).toEqual(expected)
  })

  it('adds the bindings of its parents, the nearest winning', () => {
    const { logger, records } = collecting()
    const child = logger.child({ cluster: 'shop', layer: 'node' }).child({ layer: 'gossip' })
    child.warn({ peer_id: 'a' }, 'hm')
    logger.warn({}, 'plain')
    expect(records()[0]).toMatchObject({ cluster: 'shop', layer: 'gossip', peer_id: 'a' })
    expect(records()[1]).not.toHaveProperty('cluster')
  })

  it('writes an error as type, message, code, stack and cause', () => {
    const { logger, records } = collecting()
    const cause = new Error('EADDRINUSE')
    const err = new NodosumError('ERR_NODOSUM_LISTEN_FAILED', 'taken', { cause })
    logger.error({ event: 'task.failed', err }, 'failed')
    expect(records()[0]?.err).toMatchObject({
      type: 'NodosumError',
      message: 'taken',
      code: 'ERR_NODOSUM_LISTEN_FAILED',
      stack: expect.stringContaining('json-logger.test'),
      cause: { type: 'Error', message: 'EADDRINUSE' },
    })
  })

  it('does not let a field replace level, time or message', () => {
    const { logger, records } = collecting()
    logger.info({ level: 'fatal', time: 'never', msg: 'other' }, 'mine')
    expect(records()[0]).toMatchObject({ level: 'info', msg: 'mine' })
    expect(records()[0]?.time).not.toBe('never')
  })

  it('writes the message even when the fields cannot be written', () => {
    const { logger, records } = collecting()
    const cycle: Record<string, unknown> = { event: 'x.y' }
    cycle.self = cycle
    const thrower = {
      get value(): never {
        throw new Error('getter')
      },
    }
    logger.info(cycle, 'cycle')
    logger.info({ thrower }, 'getter')
    logger.info({ big: 2n ** 70n }, 'big')
    expect(records()).toMatchObject([
      { msg: 'cycle', event: 'x.y', fields_omitted: true },
      { msg: 'getter', fields_omitted: true },
      { msg: 'big', big: '1180591620717411303424' },
    ])
  })

  it('writes to standard output unless told otherwise', () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    try {
      jsonLogger().info({}, 'hello')
      expect(write).toHaveBeenCalledWith(expect.stringContaining('"msg":"hello"'))
    } finally {
      write.mockRestore()
    }
  })
})
