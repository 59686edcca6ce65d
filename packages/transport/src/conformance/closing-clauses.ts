import type { CloseReason } from '../contract.ts'
import { type ConformanceClause, clause, codeThrownBy, expectEqual, expectThat } from './clause.ts'
import { bytesOf, openWith, record, recordStreams } from './streams.ts'

/** How connections end. */
export const closingClauses: readonly ConformanceClause[] = [
  clause('close brings over everything that was written before', async (run) => {
    const { dialer, acceptor } = await run.connect({
      closeTimeoutMs: 20_000,
      streamWindowBytes: 65_536,
    })
    const logs = recordStreams(acceptor, { keep: false })
    let bytesAtClose = -1
    acceptor.onClosed = () => {
      bytesAtClose = logs.reduce((sum, { bytes }) => sum + bytes, 0)
    }
    const [ending, open] = [dialer.openStream(), dialer.openStream()]
    // More than the window of a stream, and as much as the link carries in that time.
    const chunks = Math.max(14, Math.ceil(run.volumes.bulkBytes / 640_000))
    for (let index = 0; index < chunks; index += 1) {
      ending.write(new Uint8Array(20_000))
      open.write(new Uint8Array(20_000))
    }
    ending.end()
    const closing = dialer.close({ reason: 'done' })
    expectEqual(
      'write while closing',
      ending.write(bytesOf('x')) || open.write(bytesOf('x')),
      false,
    )
    const code = codeThrownBy(() => dialer.openStream())
    expectEqual('openStream while closing', code, 'ERR_NODOSUM_CONNECTION_LOST')
    await run.within('the close', closing)
    await run.within('the peer hears', acceptor.closed)
    expectEqual('bytes before the peer heard', bytesAtClose, 2 * chunks * 20_000)
    expectEqual('ends', logs.map(({ ends }) => ends).toSorted(), [0, 1])
    expectEqual(
      'violations',
      logs.flatMap(({ violations }) => violations),
      [],
    )
  }),

  clause('the reason of a close reaches both ends, and the first one holds', async (run) => {
    for (const code of [0, 7, 0xffff_ffff]) {
      const { dialer, acceptor } = await run.connect()
      const told: CloseReason[] = []
      dialer.onClosed = (reason) => told.push(reason)
      acceptor.onClosed = (reason) => told.push(reason)
      const closing = dialer.close({ code, reason: 'moving away' })
      expectThat(dialer.close({ code: 9 }) === closing, 'the second call gets the same promise')
      await run.within('the close', closing)
      const [near, far] = [await dialer.closed, await run.within('it', acceptor.closed)]
      const words = { code, reason: 'moving away' }
      const coded = code === 0 ? null : 'ERR_NODOSUM_CONNECTION_LOST'
      const seen = ({ error, ...rest }: CloseReason) => ({ ...rest, error: error?.code ?? null })
      expectEqual('near', seen(near), { ...words, remote: false, error: null })
      expectEqual('far', seen(far), { ...words, remote: true, error: coded })
      expectEqual('onClosed', told.map(({ remote }) => remote).toSorted(), [false, true])
      acceptor.onClosed = (reason) => told.push(reason)
      expectThat(told[2] === far, 'onClosed that is set later is called at once')
    }
  }),

  clause('a long reason is cut at 128 bytes, between two characters', async (run) => {
    const { dialer, acceptor } = await run.connect()
    await dialer.close({ reason: `x${'ä'.repeat(100)}` })
    const { reason } = await run.within('the peer hears', acceptor.closed)
    expectEqual('the reason', reason, `x${'ä'.repeat(63)}`)
  }),

  clause('streams die with their connection and its code', async (run) => {
    const { dialer, acceptor } = await run.connect()
    const logs = recordStreams(acceptor)
    const { local, remote } = await openWith(run, dialer, logs, 'x')
    remote.stream.pause()
    const log = record(local)
    const untold = dialer.openStream()
    await dialer.close({ code: 5 })
    await run.within('the peer hears', acceptor.closed)
    expectEqual('resets', [log.resets, remote.resets], [[5], [5]])
    expectEqual('onReset that is set later', record(untold).resets, [5])
    expectEqual('write', local.write(bytesOf('y')), false)
    expectEqual('buffered', local.bufferedBytes, 0)
    for (const end of [dialer, acceptor]) {
      const code = codeThrownBy(() => end.openStream())
      expectEqual('openStream', code, 'ERR_NODOSUM_CONNECTION_LOST')
      const ping = await run.refusalOf('ping', end.ping())
      expectEqual('ping', ping.code, 'ERR_NODOSUM_CONNECTION_LOST')
    }
  }),

  clause('close gives up on a reader that does not read after closeTimeoutMs', async (run) => {
    const limits = { closeTimeoutMs: 300, streamWindowBytes: 65_536 }
    const { dialer, acceptor } = await run.connect(limits)
    acceptor.onStream = (stream) => stream.pause()
    const log = record(dialer.openStream())
    for (let index = 0; index < 100; index += 1) log.stream.write(new Uint8Array(10_000))
    const startedMs = run.harness.scheduler.nowMs()
    await run.within('the close', dialer.close({ code: 9 }))
    const tookMs = run.harness.scheduler.nowMs() - startedMs
    expectThat(tookMs >= 290, 'it waited for closeTimeoutMs', tookMs)
    expectEqual('resets', log.resets, [9])
    expectEqual('the code', (await run.within('the peer hears', acceptor.closed)).code, 9)
  }),

  clause('a callback that throws ends its connection and nothing else', async (run) => {
    const { dialer, acceptor, dialerNode, acceptorNode } = await run.connect()
    const other = await dialerNode.transport.connect(acceptorNode.address)
    acceptor.onStream = () => {
      throw new Error('a bug of the application, made on purpose')
    }
    dialer.openStream().write(bytesOf('x'))
    const near = await run.within('the end', acceptor.closed)
    expectEqual('its error', near.error?.code, 'ERR_NODOSUM_CONNECTION_LOST')
    const far = await run.within('the peer hears', dialer.closed)
    expectEqual('who closed', [near.remote, far.remote], [false, true])
    expectThat((await run.within('a ping', other.ping())) > 0, 'the other connection lives')
    expectEqual('connections', dialerNode.transport.snapshot().connections.length, 1)
  }),

  clause('snapshot and stats tell what is there', async (run) => {
    const { dialer, acceptor, dialerNode, acceptorNode } = await run.connect()
    const before = dialer.stats()
    const { local, remote } = await openWith(
      run,
      dialer,
      recordStreams(acceptor),
      'x'.repeat(2_000),
    )
    const [sent, received] = [dialer.stats(), acceptor.stats()]
    expectThat(sent.sentBytes - before.sentBytes >= 2_000, 'sent bytes are counted', sent)
    expectThat(received.receivedBytes >= 2_000, 'received bytes are counted', received)
    expectEqual('streams', [sent.streams, received.streams], [1, 1])
    expectEqual('buffered', [local.bufferedBytes, sent.bufferedBytes], [0, 0])
    for (const { transport } of [dialerNode, acceptorNode]) {
      const { kind, connections } = transport.snapshot()
      expectEqual('kinds', [kind, dialer.kind], [transport.kind, transport.kind])
      const [first] = connections
      expectEqual('connections', connections.length, 1)
      expectEqual('state', first?.state, 'open')
      expectThat((first?.ageMs ?? -1) >= 0, 'its age', first?.ageMs)
      expectEqual('peer', first?.peer?.nodeId, first?.role === 'dialer' ? 'second' : 'first')
    }
    remote.stream.reset(1)
    await run.until('the stream is gone', () => dialer.stats().streams === 0)
    await dialer.close()
    await acceptor.closed
    const left = [dialerNode, acceptorNode].map((node) => node.transport.snapshot().connections)
    expectEqual('connections after the close', left.flat().length, 0)
  }),
]
