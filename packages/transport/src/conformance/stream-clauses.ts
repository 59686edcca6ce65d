import { type ByteStream, codeMax } from '../contract.ts'
import { type ConformanceClause, clause, codeThrownBy, expectEqual, expectThat } from './clause.ts'
import { bytesOf, openWith, record, recordStreams, textOf } from './streams.ts'

/** Opening, writing, ending and resetting one stream. */
export const streamClauses: readonly ConformanceClause[] = [
  clause(
    'a stream carries bytes both ways and is known by the same id at both ends',
    async (run) => {
      const { dialer, acceptor } = await run.connect()
      const logs = recordStreams(acceptor)
      const { local, remote } = await openWith(run, dialer, logs, 'question')
      expectEqual('what arrived', textOf(remote), 'question')
      const answers = record(local)
      remote.stream.write(bytesOf('answer'))
      await run.until('the answer arrives', () => answers.bytes === 6)
      expectEqual('the answer', textOf(answers), 'answer')
    },
  ),

  clause('the acceptor opens streams too', async (run) => {
    const { dialer, acceptor } = await run.connect()
    const logs = recordStreams(dialer)
    const { remote } = await openWith(run, acceptor, logs, 'from the acceptor')
    expectEqual('what arrived', textOf(remote), 'from the acceptor')
  }),

  clause(
    'half close: end reaches the peer after all bytes, and its direction lives on',
    async (run) => {
      const { dialer, acceptor } = await run.connect()
      const logs = recordStreams(acceptor)
      const local = dialer.openStream()
      const answers = record(local)
      local.write(bytesOf('question'))
      local.end()
      await run.until('the end arrives', () => logs[0]?.ends === 1)
      const remote = logs[0] as (typeof logs)[0]
      expectEqual('what arrived before the end', textOf(remote), 'question')
      expectEqual('write after end', local.write(bytesOf('late')), false)
      remote.stream.write(bytesOf('answer'))
      remote.stream.end()
      await run.until('the answer ends', () => answers.ends === 1)
      expectEqual('the answer', textOf(answers), 'answer')
      expectEqual('resets', [...answers.resets, ...remote.resets], [])
      expectEqual('violations', [...answers.violations, ...remote.violations], [])
      const ends = [dialer, acceptor]
      await run.until('both ends forget it', () => ends.every((end) => end.stats().streams === 0))
    },
  ),

  clause('reset: its code arrives as it is, once, and both directions are over', async (run) => {
    const { dialer, acceptor } = await run.connect()
    const logs = recordStreams(acceptor)
    for (const code of [0, 1, 77, 0x4e6f_0001, codeMax]) {
      for (const resetter of ['opener', 'other'] as const) {
        const { local, remote } = await openWith(run, dialer, logs, 'x')
        const opener = record(local)
        const [from, to] = resetter === 'opener' ? [local, remote] : [remote.stream, opener]
        from.reset(code)
        await run.until(`reset ${code} arrives`, () => to.resets.length > 0)
        expectEqual(`the code of the reset by the ${resetter}`, to.resets, [code])
        expectEqual('write after a reset', to.stream.write(bytesOf('y')), false)
        expectEqual('write after an own reset', from.write(bytesOf('y')), false)
        expectEqual('buffered after a reset', from.bufferedBytes + to.stream.bufferedBytes, 0)
      }
    }
    const all = logs.flatMap((log) => log.violations)
    expectEqual('violations', all, [])
    const ends = [dialer, acceptor]
    await run.until('both ends forget them', () => ends.every((end) => end.stats().streams === 0))
  }),

  clause('a code that is no integer from 0 to 2^32-1 throws', async (run) => {
    const { dialer } = await run.connect()
    const stream: ByteStream = dialer.openStream()
    for (const code of [-1, 1.5, Number.NaN, codeMax + 1, 2 ** 53]) {
      const thrown = [
        codeThrownBy(() => stream.reset(code)),
        codeThrownBy(() => dialer.close({ code })),
      ]
      expectEqual(`code ${code}`, thrown, [
        'ERR_NODOSUM_INVARIANT_VIOLATED',
        'ERR_NODOSUM_INVARIANT_VIOLATED',
      ])
    }
    expectThat(stream.write(bytesOf('x')), 'the stream lives on')
  }),

  clause(
    'a stream that was only opened reaches the peer with its end or its reset',
    async (run) => {
      const { dialer, acceptor } = await run.connect()
      const logs = recordStreams(acceptor)
      const [ended, dropped] = [dialer.openStream(), dialer.openStream()]
      ended.end()
      dropped.reset(5)
      await run.until('both arrive', () => logs.length === 2)
      const of = (id: number) => logs.find(({ stream }) => stream.id === id)
      await run.until('the end', () => of(ended.id)?.ends === 1)
      await run.until('the reset', () => of(dropped.id)?.resets[0] === 5)
      expectEqual(
        'bytes',
        logs.map(({ bytes }) => bytes),
        [0, 0],
      )
    },
  ),

  clause(
    'a peer that stops reading is noticed although it had ended its direction',
    async (run) => {
      const { dialer, acceptor } = await run.connect({ keepAliveMs: 250, idleTimeoutMs: 5_000 })
      const { local, remote } = await openWith(run, dialer, recordStreams(acceptor), 'x')
      const log = record(local)
      remote.stream.end()
      await run.until('its end arrives', () => log.ends === 1)
      remote.stream.reset(9)
      await run.until('the reset arrives', () => log.resets.length === 1)
      expectEqual('write after it', local.write(bytesOf('y')), false)
      await run.until('the stream is forgotten', () => dialer.stats().streams === 0)
    },
  ),

  clause('chunks stay valid after their callback', async (run) => {
    const { dialer, acceptor } = await run.connect()
    const logs = recordStreams(acceptor)
    const local = dialer.openStream()
    for (let index = 0; index < 200; index += 1) local.write(new Uint8Array(5_000).fill(index))
    local.end()
    await run.until('all arrives', () => logs[0]?.ends === 1)
    let position = 0
    for (const chunk of logs[0]?.chunks ?? []) {
      for (const byte of chunk) {
        const written = Math.floor(position / 5_000)
        if (byte !== written) throw new Error(`byte ${position} is ${byte} now, not ${written}`)
        position += 1
      }
    }
    expectEqual('bytes', position, 1_000_000)
  }),
]
