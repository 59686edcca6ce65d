import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'

const program = join(import.meta.dirname, '../../src/fault-proxy/main.ts')

interface Line {
  readonly event: string
  readonly ok?: boolean
  readonly error?: string
  readonly listen?: string
  readonly seed?: string
  readonly faults?: { readonly forward: object; readonly backward: object }
  readonly counters?: { readonly forward: Readonly<Record<string, number>> }
  readonly connections?: number
}

interface Running {
  readonly child: ChildProcess
  /** The next line of its output. */
  next(): Promise<Line>
  /** Sends a control line and waits for the answer. */
  ask(command: object): Promise<Line>
}

function start(...words: string[]): Running {
  const child = spawn(process.execPath, ['-C', 'nodosum-source', program, ...words])
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<Line> => {
    const { value } = await lines.next()
    return JSON.parse(value as string) as Line
  }
  return {
    child,
    next,
    ask: async (command) => {
      child.stdin.write(`${JSON.stringify(command)}\n`)
      return next()
    },
  }
}

/** What it says on standard error, and its exit code. */
async function refused(...words: string[]): Promise<{ code: unknown; text: string }> {
  const { child } = start(...words)
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number]
  return { code, text }
}

const portOf = ({ listen }: Line): number => Number(listen?.split(':').at(-1))

describe('the fault proxy as a program', () => {
  it('says where it listens, is changed while it runs, and ends on SIGTERM with an account', async () => {
    const upstream = createSocket('udp4').bind(0, '127.0.0.1')
    onTestFinished(() => void upstream.close())
    await once(upstream, 'listening')
    const to = `127.0.0.1:${upstream.address().port}`
    const { child, next, ask } = start('udp', '--to', to, '--seed', '7', '--loss', '1')
    const listening = await next()
    expect(listening).toMatchObject({
      event: 'listening',
      protocol: 'udp',
      to,
      seed: '7',
      faults: { forward: { loss: 1 }, backward: { loss: 1 } },
    })

    const client = createSocket('udp4')
    onTestFinished(() => void client.close())
    client.send('lost', portOf(listening), '127.0.0.1')
    let forward: Readonly<Record<string, number>> | undefined
    while (forward?.loss !== 1) forward = (await ask({ command: 'counters' })).counters?.forward
    expect(await ask({ command: 'expect', fault: 'loss', min: 1 })).toMatchObject({ ok: true })
    expect(await ask({ command: 'expect', fault: 'stall' })).toMatchObject({
      ok: false,
      error: expect.stringContaining('stall fired 0 times'),
    })
    expect(await ask({ command: 'set', faults: { forward: { loss: 0 } } })).toMatchObject({
      ok: true,
      faults: { forward: { loss: 0 }, backward: { loss: 1 } },
    })
    const arrived = once(upstream, 'message')
    client.send('seen', portOf(listening), '127.0.0.1')
    expect(String((await arrived)[0])).toBe('seen')
    expect(await ask({ command: 'clear' })).toMatchObject({ faults: { backward: { loss: 0 } } })

    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await next()).toMatchObject({
      event: 'stopped',
      seed: '7',
      counters: { forward: { received: 2, delivered: 1, loss: 1 } },
    })
    expect(await ended).toEqual([0, null])
  })

  it('answers what is wrong with a control line, and goes on', async () => {
    const { child, next, ask } = start('udp', '--to', '127.0.0.1:9', '--backward', 'delay=50')
    expect((await next()).faults).toMatchObject({
      forward: { delayMs: 0 },
      backward: { delayMs: 50 },
    })
    for (const [command, error] of [
      [{ command: 'sett' }, 'command: expected "set" or "clear"'],
      [{ command: 'set' }, 'set needs "faults"'],
      [{ command: 'set', faults: { los: 1 } }, "los: unknown key, did you mean 'loss'?"],
      [{ command: 'set', fault: 'loss', faulty: 1 }, 'faulty: unknown key'],
      [{ command: 'expect' }, 'expect needs "fault"'],
      [{ command: 'reset' }, 'UDP has no connections to reset'],
      [['no object'], 'expected an object'],
    ] as const) {
      const answer = await ask(command)
      expect(answer.ok).toBe(false)
      expect(answer.error).toContain(error)
    }
    child.stdin?.write('not JSON\n')
    expect((await next()).error).toContain('not a JSON object')
    child.stdin?.write(`${'x'.repeat(100_000)}\n`)
    expect((await next()).error).toContain('longer than 65536 characters')
    expect(await ask({ command: 'stop' })).toMatchObject({ ok: true })
    expect((await next()).event).toBe('stopped')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('resets connections when told, and draws a seed when given none', async () => {
    const upstream = createServer((socket) => socket.on('error', () => undefined))
    upstream.listen(0, '127.0.0.1')
    onTestFinished(() => void upstream.close())
    await once(upstream, 'listening')
    const { port } = upstream.address() as { port: number }
    const { child, next, ask } = start('tcp', '--to', `127.0.0.1:${port}`)
    const listening = await next()
    expect(listening.seed).toEqual(expect.any(Number))
    const client = connect(portOf(listening), '127.0.0.1')
    const [accepted] = await once(upstream, 'connection')
    expect(accepted).toBeDefined()
    const error = once(client, 'error')
    expect(await ask({ command: 'reset' })).toMatchObject({ ok: true, connections: 1 })
    expect((await error)[0]).toMatchObject({ code: 'ECONNRESET' })
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    expect(await next()).toMatchObject({ event: 'stopped', counters: { forward: { reset: 1 } } })
    expect(await ended).toEqual([0, null])
  })

  it.each([
    [['udp', '--to', '127.0.0.1'], 2, '--to: expected an IP address with a port'],
    [
      ['udp', '--to', '127.0.0.1:9', '--loss', '5'],
      2,
      'loss: expected a number from 0 to 1, got 5',
    ],
    [['udp', '--to', '127.0.0.1:9', '--los', '1'], 1, 'Did you mean --loss?'],
    [['udp', '--to', '127.0.0.1:9', '--loss', 'x'], 1, 'Not a number.'],
    [['udp', '--to', '127.0.0.1:9', '--forward', 'los=1'], 2, "did you mean 'loss'?"],
    [['tcp', '--to', '127.0.0.1:9', '--loss', '0.1'], 2, 'loss: TCP has no loss'],
    [['udp'], 1, "required option '--to <address>' not specified"],
    [['upd'], 1, 'Did you mean udp?'],
  ])('refuses %j', async (words, code, message) => {
    const answer = await refused(...words)
    expect(answer.text).toContain(message)
    expect(answer.code).toBe(code)
  })
})
