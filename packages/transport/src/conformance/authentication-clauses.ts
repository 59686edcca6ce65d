import { isNodosumError, type NodeId, type NodosumError } from '@nodosum/kernel'
import type { Connection } from '../contract.ts'
import {
  type ClauseRun,
  type ConformanceClause,
  clause,
  expectEqual,
  expectThat,
} from './clause.ts'
import type { CertificateFlaw, ConformanceNode } from './harness.ts'
import { bytesOf, openWith, recordStreams } from './streams.ts'

const flaws: readonly { flaw: CertificateFlaw; words: string; code: string }[] = [
  { flaw: 'expired', words: 'an expired certificate', code: 'ERR_NODOSUM_CERT_EXPIRED' },
  { flaw: 'untrusted', words: 'a certificate of another CA', code: 'ERR_NODOSUM_CERT_UNTRUSTED' },
  {
    flaw: 'other-cluster',
    words: 'a certificate of another cluster',
    code: 'ERR_NODOSUM_IDENTITY_MISMATCH',
  },
]

/** Whoever is refused gives its place up at once, not when a time runs out. */
const patient = { connectTimeoutMs: 60_000, idleTimeoutMs: 60_000 }

/** Who may connect, and what each end knows of the other. */
export const authenticationClauses: readonly ConformanceClause[] = [
  clause('both ends know each other by their certificates', async (run) => {
    const { dialer, acceptor, acceptorNode } = await run.connect()
    const names = [dialer.peer.nodeId, acceptor.peer.nodeId]
    expectEqual('the names of the peers', names, ['second', 'first'])
    expectEqual('roles', [dialer.role, acceptor.role], ['dialer', 'acceptor'])
    expectEqual('where the dialer went', dialer.remote, acceptorNode.address)
    for (const { peer } of [dialer, acceptor]) {
      expectThat(peer.uri.endsWith(`/${peer.nodeId}`), 'the URI names the node', peer.uri)
      expectThat(/^[0-9a-f]{64}$/.test(peer.fingerprint), 'a fingerprint is SHA-256', peer)
      expectThat(peer.notAfterMs > run.harness.scheduler.wallMs(), 'it has not ended', peer)
    }
    expectThat(dialer.peer.fingerprint !== acceptor.peer.fingerprint, 'each has its own')
  }),

  ...flaws.flatMap(({ flaw, words, code }) => [
    clause(`a dialer with ${words} is refused and told why`, async (run) => {
      const { node, accepted } = await run.listen({ name: 'second', limits: patient })
      const dialer = await run.start({ name: 'first', flaw, limits: patient })
      const error = await refusalOfDial(run, dialer.transport.connect(node.address))
      expectEqual('the error of the dialer', error.code, code)
      await expectNobodyIn(run, [node, dialer], accepted)
    }),
    clause(`an acceptor with ${words} is refused`, async (run) => {
      const { node, accepted } = await run.listen({ name: 'second', flaw, limits: patient })
      const dialer = await run.start({ name: 'first', limits: patient })
      const error = await refusalOfDial(run, dialer.transport.connect(node.address))
      expectEqual('the error of the dialer', error.code, code)
      await expectNothingLeft(run, [node, dialer])
      for (const connection of accepted) {
        // Its own check of the dialer may pass a moment before it hears of the refusal.
        const reason = await run.within('the refusal', connection.closed)
        expectEqual('the error of the acceptor', reason.error?.code, code)
      }
    }),
  ]),

  clause('a dialer without a certificate is refused', async (run) => {
    const { node, accepted } = await run.listen({ name: 'second', limits: patient })
    const left = await run.harness.approach(node, 'no-certificate')
    run.atEnd(() => left.leave())
    await expectNobodyIn(run, [node], accepted)
  }),

  clause('another node than the one that was dialed is refused', async (run) => {
    const { node } = await run.listen({ name: 'second' })
    const dialer = await run.start({ name: 'first' })
    const expect = 'third' as NodeId
    const work = dialer.transport.connect(node.address, { expect })
    const error = await run.refusalOf('dialing third', work)
    expectEqual('the error', error.code, 'ERR_NODOSUM_IDENTITY_MISMATCH')
    expectThat(error.message.includes('third') && error.message.includes('second'), error.message)
    const right = await dialer.transport.connect(node.address, { expect: 'second' as NodeId })
    expectEqual('the peer', right.peer.nodeId, 'second')
  }),

  clause('a dialer of another protocol version is refused', async (run) => {
    const { node, accepted } = await run.listen({ name: 'second', limits: patient })
    const left = await run.harness.approach(node, 'other-version')
    run.atEnd(() => left.leave())
    await expectNobodyIn(run, [node], accepted)
  }),

  clause('an acceptor of another protocol version is refused with a coded error', async (run) => {
    const listener = await run.harness.listenAs('other-version')
    run.atEnd(() => listener.close())
    const dialer = await run.start({ name: 'first' })
    const error = await refusalOfDial(run, dialer.transport.connect(listener.address))
    expectEqual('the error', error.code, 'ERR_NODOSUM_VERSION_INCOMPATIBLE')
  }),

  clause('garbage on the port disturbs nothing', async (run) => {
    const { dialer, acceptor, acceptorNode, dialerNode } = await run.connect()
    const left = await run.harness.approach(acceptorNode, 'garbage')
    run.atEnd(() => left.leave())
    await openWith(run, dialer, recordStreams(acceptor), 'still there')
    const again = await dialerNode.transport.connect(acceptorNode.address)
    expectEqual('the peer', again.peer.nodeId, 'second')
    const { connections } = dialerNode.transport.snapshot()
    expectEqual(
      'connections',
      connections.map(({ state }) => state),
      ['open', 'open'],
    )
  }),

  clause('a stranger that falls silent in its handshake is let go', async (run) => {
    const limits = { connectTimeoutMs: 500 }
    const { node, accepted } = await run.listen({ name: 'second', limits })
    const left = await run.harness.approach(node, 'mute')
    run.atEnd(() => left.leave())
    // Time for its first words to arrive, or none would be left before the first one was there.
    await run.wait(200)
    await expectNobodyIn(run, [node], accepted)
  }),
]

/** The dialer may hear of a refusal during its handshake or, as `closed`, after it. */
async function refusalOfDial(run: ClauseRun, dial: Promise<Connection>): Promise<NodosumError> {
  try {
    const connection = await run.within('the dial', dial)
    useAtOnce(connection)
    const { error } = await run.within('the refusal', connection.closed)
    if (error === null) throw new Error('the connection was closed without an error')
    return error
  } catch (error) {
    if (isNodosumError(error)) return error
    throw error
  }
}

/** Bytes that come before the refusal, if the transport lets them go. */
function useAtOnce(connection: Connection): void {
  try {
    connection.openStream().write(bytesOf('too early'))
  } catch (error) {
    if (!isNodosumError(error, 'ERR_NODOSUM_CONNECTION_LOST')) throw error
  }
}

/** Nobody was handed a connection, and none is left. */
async function expectNobodyIn(
  run: ClauseRun,
  nodes: readonly ConformanceNode[],
  accepted: readonly Connection[],
): Promise<void> {
  await expectNothingLeft(run, nodes)
  expectEqual('connections handed over', accepted.length, 0)
}

function expectNothingLeft(run: ClauseRun, nodes: readonly ConformanceNode[]): Promise<void> {
  return run.until('no connection is left', () =>
    nodes.every(({ transport }) => transport.snapshot().connections.length === 0),
  )
}
