import type { Connection } from '../contract.ts'
import { type ConformanceClause, clause, expectEqual, expectThat } from './clause.ts'
import { openWith, recordStreams } from './streams.ts'

/** Listening and dialing, and everything that can keep them from working. */
export const connectingClauses: readonly ConformanceClause[] = [
  clause('a listener that cannot bind rejects with a coded error', async (run) => {
    const { node } = await run.listen({ name: 'second' })
    const taken = run.harness.listenOnTakenPort(node)
    const error = await run.refusalOf('listening on a taken port', taken)
    expectEqual('the error', error.code, 'ERR_NODOSUM_LISTEN_FAILED')
    const port = String(node.transport.snapshot().listening?.port)
    expectThat(error.message.includes(port), 'the message names the port', error.message)
  }),

  clause('a node listens once at a time', async (run) => {
    const node = await run.start({ name: 'second' })
    expectEqual('listening at first', node.transport.snapshot().listening, null)
    const listener = await node.transport.listen(() => {})
    expectEqual('listening', node.transport.snapshot().listening, listener.address)
    const twice = await run.refusalOf(
      'listening twice',
      node.transport.listen(() => {}),
    )
    expectEqual('the error', twice.code, 'ERR_NODOSUM_LISTEN_FAILED')
    await listener.close()
    expectEqual('listening after close', node.transport.snapshot().listening, null)
    await node.transport.listen(() => {})
  }),

  clause('a closed listener accepts no more, and its connections live on', async (run) => {
    const limits = { connectTimeoutMs: 1_000 }
    const node = await run.start({ name: 'second' })
    const accepted: Connection[] = []
    const listener = await node.transport.listen((connection) => accepted.push(connection))
    const dialer = await run.start({ name: 'first', limits })
    const connection = await dialer.transport.connect(node.address)
    await run.until('it is accepted', () => accepted.length === 1)
    await listener.close()
    const refused = await run.refusalOf('dialing', dialer.transport.connect(node.address))
    const codes = ['ERR_NODOSUM_CONNECT_TIMEOUT', 'ERR_NODOSUM_CONNECTION_LOST']
    expectThat(codes.includes(refused.code), 'a dial fails as if nobody were there', refused.code)
    expectEqual('connections handed over', accepted.length, 1)
    await openWith(run, connection, recordStreams(accepted[0] as Connection), 'lives on')
  }),

  clause('a port that never answers times out, and the error names it', async (run) => {
    const listener = await run.harness.listenAs('silent')
    run.atEnd(() => listener.close())
    const node = await run.start({ name: 'first', limits: { connectTimeoutMs: 500 } })
    const startedMs = run.harness.scheduler.nowMs()
    const dial = node.transport.connect(listener.address)
    const states = node.transport.snapshot().connections.map(({ state, peer }) => [state, peer])
    expectEqual('the dial in the snapshot', states, [['handshaking', null]])
    const error = await run.refusalOf('dialing', dial)
    expectEqual('the error', error.code, 'ERR_NODOSUM_CONNECT_TIMEOUT')
    expectThat(error.message.includes(String(listener.address.port)), error.message)
    const tookMs = run.harness.scheduler.nowMs() - startedMs
    expectThat(tookMs >= 490, 'it waited for connectTimeoutMs', tookMs)
    expectEqual('connections left', node.transport.snapshot().connections.length, 0)
  }),

  clause('a dial is cancelled by its signal, before and while it runs', async (run) => {
    const listener = await run.harness.listenAs('silent')
    run.atEnd(() => listener.close())
    const node = await run.start({ name: 'first' })
    const late = new AbortController()
    const work = [AbortSignal.abort(), late.signal].map((signal) =>
      run.refusalOf('a cancelled dial', node.transport.connect(listener.address, { signal })),
    )
    run.harness.scheduler.after(5, () => late.abort())
    for (const dial of work) {
      expectEqual('the error', (await dial).code, 'ERR_NODOSUM_CANCELLED')
    }
    await run.until('none is left', () => node.transport.snapshot().connections.length === 0)
  }),

  clause('an address that is no IP literal with a port is refused', async (run) => {
    const node = await run.start({ name: 'first' })
    for (const remote of [
      { host: 'localhost', port: 5 },
      { host: '', port: 5 },
      { host: '999.1.1.1', port: 5 },
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port: 70_000 },
      { host: '127.0.0.1', port: 1.5 },
    ]) {
      const error = await run.refusalOf(JSON.stringify(remote), node.transport.connect(remote))
      expectEqual(JSON.stringify(remote), error.code, 'ERR_NODOSUM_CONFIG_INVALID')
    }
    expectEqual('connections left', node.transport.snapshot().connections.length, 0)
  }),

  clause('connectionsMax of this end refuses a dial, and a closed one makes room', async (run) => {
    const { node } = await run.listen({ name: 'second' })
    const dialer = await run.start({ name: 'first', limits: { connectionsMax: 1 } })
    const connection = await dialer.transport.connect(node.address)
    const error = await run.refusalOf('one more', dialer.transport.connect(node.address))
    expectEqual('the error', error.code, 'ERR_NODOSUM_LIMIT_CONNECTIONS')
    await connection.close()
    const again = await dialer.transport.connect(node.address)
    expectEqual('the peer', again.peer.nodeId, 'second')
  }),

  clause('connectionsMax of the peer refuses a dial and touches nothing else', async (run) => {
    const limits = { connectTimeoutMs: 1_000 }
    const { dialer, acceptor, dialerNode, acceptorNode } = await run.connect(limits, {
      connectionsMax: 1,
    })
    const dial = dialerNode.transport.connect(acceptorNode.address)
    const error = await run.refusalOf('one more', refusedSoon(dial))
    const codes = ['CONNECT_TIMEOUT', 'CONNECTION_LOST', 'LIMIT_CONNECTIONS']
    expectThat(codes.includes(error.code.replace('ERR_NODOSUM_', '')), 'the error', error.code)
    await openWith(run, dialer, recordStreams(acceptor), 'untouched')
    await dialer.close()
    await run.until(
      'the acceptor has room again',
      () => acceptorNode.transport.snapshot().connections.length === 0,
    )
    await dialerNode.transport.connect(acceptorNode.address)
  }),

  clause('a transport that is closed ends everything and refuses what comes later', async (run) => {
    const silent = await run.harness.listenAs('silent')
    run.atEnd(() => silent.close())
    const { dialer, acceptor, dialerNode } = await run.connect()
    const { transport } = dialerNode
    const underWay = run.refusalOf('a dial under way', transport.connect(silent.address))
    await transport.close()
    await transport.close()
    const late = [transport.connect(silent.address), transport.listen(() => {})].map((work) =>
      run.refusalOf('a late call', work),
    )
    for (const work of [underWay, ...late]) {
      expectEqual('the error', (await work).code, 'ERR_NODOSUM_SHUT_DOWN')
    }
    const [near, far] = [await dialer.closed, await run.within('the peer hears', acceptor.closed)]
    expectEqual('who closed', [near.remote, far.remote], [false, true])
    expectEqual('errors', [near.error, far.error], [null, null])
    expectEqual('connections left', transport.snapshot().connections.length, 0)
  }),
]

/** A refusal may come a moment after the dial resolved. */
async function refusedSoon(dial: Promise<Connection>): Promise<void> {
  const { error } = await (await dial).closed
  if (error !== null) throw error
}
