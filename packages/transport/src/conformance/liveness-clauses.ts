import { outstandingPingsMax, type TransportLimits } from '../contract.ts'
import { type ConformanceClause, clause, expectEqual, expectThat } from './clause.ts'
import { bytesOf, openWith, record, recordStreams } from './streams.ts'

/** Short, and long enough for a busy machine. */
const impatient: Partial<TransportLimits> = {
  idleTimeoutMs: 1_000,
  keepAliveMs: 250,
  closeTimeoutMs: 200,
}

/** Pings, silence and death. */
export const livenessClauses: readonly ConformanceClause[] = [
  clause('ping measures the round trip, from both ends and several at once', async (run) => {
    const { dialer, acceptor } = await run.connect()
    const logs = [recordStreams(dialer), recordStreams(acceptor)]
    for (const end of [dialer, acceptor, dialer]) {
      const startedMs = run.harness.scheduler.nowMs()
      const pings = Array.from({ length: outstandingPingsMax }, () => end.ping())
      const times = await run.within('the answers', Promise.all(pings))
      const tookMs = run.harness.scheduler.nowMs() - startedMs
      const isTrue = times.every((ms) => ms > 0 && ms <= tookMs + 1)
      expectThat(isTrue, `each took above 0 and at most ${tookMs} ms`, times)
    }
    expectEqual('streams that pings opened', logs.flat().length, 0)
    expectEqual('streams', [dialer.stats().streams, acceptor.stats().streams], [0, 0])
  }),

  clause('ping waits for an answer of the peer, in bounded number, until the end', async (run) => {
    const { dialer, acceptorNode } = await run.connect(impatient)
    await dialer.ping()
    acceptorNode.isolate()
    const outcomes: unknown[] = []
    const pings = Array.from({ length: outstandingPingsMax }, () =>
      dialer.ping().then((ms) => outcomes.push(ms)),
    )
    const lost = pings.map((ping) => run.refusalOf('a ping into the void', ping))
    const refused = await run.refusalOf('one ping too many', dialer.ping())
    expectEqual('the error of the last one', refused.code, 'ERR_NODOSUM_LIMIT_PENDING')
    const codes = (await Promise.all(lost)).map(({ code }) => code)
    expectEqual('errors', [...new Set(codes)], ['ERR_NODOSUM_CONNECTION_LOST'])
    expectEqual('answers that nobody gave', outcomes, [])
    const late = await run.refusalOf('a ping on a dead connection', dialer.ping())
    expectEqual('its error', late.code, 'ERR_NODOSUM_CONNECTION_LOST')
  }),

  clause('ping is cancelled by its signal, before and while it waits', async (run) => {
    const { dialer, acceptorNode } = await run.connect(impatient)
    const controller = new AbortController()
    const early = run.refusalOf('a ping', dialer.ping({ signal: AbortSignal.abort() }))
    acceptorNode.isolate()
    const late = run.refusalOf('a ping', dialer.ping({ signal: controller.signal }))
    run.harness.scheduler.after(5, () => controller.abort())
    for (const ping of [early, late]) {
      expectEqual('the error', (await ping).code, 'ERR_NODOSUM_CANCELLED')
    }
  }),

  clause('an idle connection stays', async (run) => {
    const { dialer, acceptor } = await run.connect({ idleTimeoutMs: 1_000, keepAliveMs: 250 })
    let ended = 0
    for (const end of [dialer, acceptor]) {
      end.onClosed = () => {
        ended += 1
      }
    }
    await run.wait(2_500)
    expectEqual('ends that closed', ended, 0)
    await openWith(run, dialer, recordStreams(acceptor), 'still there')
  }),

  clause('silence of the network ends a connection at both ends', async (run) => {
    const { dialer, acceptor, acceptorNode } = await run.connect(impatient)
    const { local, remote } = await openWith(run, dialer, recordStreams(acceptor), 'x')
    const log = record(local)
    const startedMs = run.harness.scheduler.nowMs()
    acceptorNode.isolate()
    for (const end of [dialer, acceptor]) {
      const reason = await run.within('the end', end.closed)
      expectEqual('the error', reason.error?.code, 'ERR_NODOSUM_CONNECTION_LOST')
      expectEqual('who decided', reason.remote, false)
    }
    const tookMs = run.harness.scheduler.nowMs() - startedMs
    expectThat(tookMs > 500, 'it waited before it gave up', tookMs)
    expectEqual('resets of the stream', [log.resets.length, remote.resets.length], [1, 1])
  }),

  clause(
    'a peer that is killed while it writes is noticed, and its bytes stay valid',
    async (run) => {
      const { dialer, acceptor, acceptorNode } = await run.connect(impatient)
      const logs = recordStreams(dialer)
      const stream = acceptor.openStream()
      let number = 0
      const pump = (): void => {
        while (number < 20_000) {
          number += 1
          if (!stream.write(new Uint8Array(5_000).fill(number))) return
        }
      }
      stream.onWritable = pump
      pump()
      const own = record(dialer.openStream())
      own.stream.write(bytesOf('x'))
      await run.until('bytes arrive', () => (logs[0]?.bytes ?? 0) > 500_000)
      await acceptorNode.kill()
      const reason = await run.within('the end', dialer.closed)
      expectEqual('the error', reason.error?.code, 'ERR_NODOSUM_CONNECTION_LOST')
      const log = logs[0] as (typeof logs)[0]
      expectEqual('resets', [log.resets.length, own.resets.length], [1, 1])
      expectEqual('ends', [log.ends, own.ends], [0, 0])
      expectEqual('violations', [...log.violations, ...own.violations], [])
      expectEqual('write after the death', own.stream.write(bytesOf('y')), false)
      let position = 0
      for (const chunk of log.chunks ?? []) {
        for (const byte of chunk) {
          const written = (Math.floor(position / 5_000) + 1) % 256
          if (byte !== written) throw new Error(`byte ${position} is ${byte}, not ${written}`)
          position += 1
        }
      }
    },
  ),
]
