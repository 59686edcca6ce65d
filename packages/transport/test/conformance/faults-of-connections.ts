/** Broken promises of transports and connections. */
import { isNodosumError, NodosumError } from '@nodosum/kernel'
import type { CertificateFlaw, Stranger } from '../../src/conformance/index.ts'
import type { CloseReason, Connection, TransportLimits } from '../../src/index.ts'
import { letIn, type PlantedFault } from './broken-transport.ts'

/** The transport does not heed a limit of one node or of both. */
function ignoring(limit: keyof TransportLimits, name?: 'first' | 'second'): PlantedFault['node'] {
  return (options) => {
    const { [limit]: _, ...limits } = options.limits ?? {}
    return name === undefined || options.name === name ? { ...options, limits } : options
  }
}

function blindTo(flaw: CertificateFlaw, name: 'first' | 'second'): PlantedFault['node'] {
  return (options) => {
    const { flaw: seen, ...others } = options
    return seen === flaw && options.name === name ? others : options
  }
}

function welcoming(welcome: Stranger): PlantedFault['harness'] {
  return (inner) => ({
    approach: (node, stranger) =>
      stranger === welcome ? letIn(inner, node.address) : inner.approach(node, stranger),
  })
}

/** Dials reject with this code instead of that. */
function miscoding(code: string): PlantedFault['transport'] {
  return (inner) => ({
    connect: async (remote, options) => {
      try {
        return await inner.connect(remote, options)
      } catch (error) {
        if (!isNodosumError(error) || error.code !== code) throw error
        throw new NodosumError('ERR_NODOSUM_CONNECTION_LOST', error.message)
      }
    },
  })
}

/** Every reason of an end passes through here. */
function rewriting(change: (reason: CloseReason) => CloseReason): PlantedFault['connection'] {
  return (inner) => ({
    closed: inner.closed.then(change),
    get onClosed() {
      return inner.onClosed
    },
    set onClosed(callback) {
      inner.onClosed = callback && ((reason) => callback(change(reason)))
    },
  })
}

const words: Readonly<Record<CertificateFlaw, string>> = {
  expired: 'an expired certificate',
  untrusted: 'a certificate of another CA',
  'other-cluster': 'a certificate of another cluster',
}

export const connectionFaults: readonly PlantedFault[] = [
  ...(['expired', 'untrusted', 'other-cluster'] as const).flatMap((flaw): PlantedFault[] => [
    {
      name: `lets a dialer with ${words[flaw]} in`,
      red: [`a dialer with ${words[flaw]} is refused and told why`],
      node: blindTo(flaw, 'first'),
    },
    {
      name: `takes an acceptor with ${words[flaw]}`,
      red: [`an acceptor with ${words[flaw]} is refused`],
      node: blindTo(flaw, 'second'),
    },
  ]),
  {
    name: 'gives the wrong URI of the peer',
    red: ['both ends know each other by their certificates'],
    connection: (inner) => ({ peer: { ...inner.peer, uri: 'spiffe://test/nodosum/shop/other' } }),
  },
  {
    name: 'lets a dialer without a certificate in',
    red: ['a dialer without a certificate is refused'],
    harness: welcoming('no-certificate'),
  },
  {
    name: 'lets a dialer of another version in',
    red: ['a dialer of another protocol version is refused'],
    harness: welcoming('other-version'),
  },
  {
    name: 'does not compare the peer with the node that was dialed',
    red: ['another node than the one that was dialed is refused'],
    transport: (inner) => ({
      connect: (remote, { expect: _, ...options } = {}) => inner.connect(remote, options),
    }),
  },
  {
    name: 'has no code for another version',
    red: ['an acceptor of another protocol version is refused with a coded error'],
    transport: miscoding('ERR_NODOSUM_VERSION_INCOMPATIBLE'),
  },
  {
    name: 'loses its connections to garbage',
    red: ['garbage on the port disturbs nothing'],
    harness: (inner) => ({
      approach: (node, stranger) => {
        if (stranger === 'garbage') inner.mesh.breakConnections()
        return inner.approach(node, stranger)
      },
    }),
  },
  {
    name: 'gives strangers much longer than connectTimeoutMs',
    red: ['a stranger that falls silent in its handshake is let go'],
    node: (options) =>
      options.limits?.connectTimeoutMs === 500 && options.name === 'second'
        ? { ...options, limits: { ...options.limits, connectTimeoutMs: 60_000 } }
        : options,
  },
  {
    name: 'binds a port that is taken',
    red: ['a listener that cannot bind rejects with a coded error'],
    harness: () => ({ listenOnTakenPort: () => Promise.resolve() }),
  },
  {
    name: 'listens twice',
    red: ['a node listens once at a time'],
    transport: (inner) => ({
      listen: async (onConnection) => {
        try {
          return await inner.listen(onConnection)
        } catch (error) {
          if (!isNodosumError(error, 'ERR_NODOSUM_LISTEN_FAILED')) throw error
          return { address: { host: '10.0.0.1', port: 1 }, close: () => Promise.resolve() }
        }
      },
    }),
  },
  {
    name: 'ends its connections with its listener',
    red: ['a closed listener accepts no more, and its connections live on'],
    transport: (inner) => ({
      listen: async (onConnection) => {
        const accepted: Connection[] = []
        const listener = await inner.listen((connection) => {
          accepted.push(connection)
          onConnection(connection)
        })
        const close = async (): Promise<void> => {
          await listener.close()
          for (const connection of accepted) void connection.close()
        }
        return { address: listener.address, close }
      },
    }),
  },
  {
    name: 'accepts although its listener is closed',
    red: [
      'a node listens once at a time',
      'a closed listener accepts no more, and its connections live on',
    ],
    transport: (inner) => ({
      listen: async (onConnection) => {
        const { address } = await inner.listen(onConnection)
        return { address, close: () => Promise.resolve() }
      },
    }),
  },
  {
    name: 'does not say which port gave no answer',
    red: ['a port that never answers times out, and the error names it'],
    transport: (inner) => ({
      connect: async (remote, options) => {
        try {
          return await inner.connect(remote, options)
        } catch (error) {
          if (!isNodosumError(error, 'ERR_NODOSUM_CONNECT_TIMEOUT')) throw error
          throw new NodosumError(error.code, 'timed out')
        }
      },
    }),
  },
  {
    name: 'ignores the signal of a dial',
    red: ['a dial is cancelled by its signal, before and while it runs'],
    transport: (inner) => ({
      connect: (remote, { signal: _, ...options } = {}) => inner.connect(remote, options),
    }),
  },
  {
    name: 'has no code for an address that cannot be dialed',
    red: ['an address that is no IP literal with a port is refused'],
    transport: miscoding('ERR_NODOSUM_CONFIG_INVALID'),
  },
  {
    name: 'dials beyond its connectionsMax',
    red: ['connectionsMax of this end refuses a dial, and a closed one makes room'],
    node: ignoring('connectionsMax', 'first'),
  },
  {
    name: 'accepts beyond its connectionsMax',
    red: ['connectionsMax of the peer refuses a dial and touches nothing else'],
    node: ignoring('connectionsMax', 'second'),
  },
  {
    name: 'stays open when it is closed',
    red: ['a transport that is closed ends everything and refuses what comes later'],
    transport: () => ({ close: () => Promise.resolve() }),
  },
  {
    name: 'measures pings in microseconds',
    red: ['ping measures the round trip, from both ends and several at once'],
    connection: (inner) => ({ ping: async (options) => (await inner.ping(options)) * 1_000 }),
  },
  {
    name: 'answers pings itself',
    red: [
      'ping waits for an answer of the peer, in bounded number, until the end',
      'ping is cancelled by its signal, before and while it waits',
      'streams die with their connection and its code',
    ],
    connection: () => ({ ping: () => Promise.resolve(0.5) }),
  },
  {
    name: 'takes any number of pings',
    red: ['ping waits for an answer of the peer, in bounded number, until the end'],
    connection: (inner) => ({
      ping: async (options) => {
        try {
          return await inner.ping(options)
        } catch (error) {
          if (isNodosumError(error, 'ERR_NODOSUM_LIMIT_PENDING')) return new Promise(() => {})
          throw error
        }
      },
    }),
  },
  {
    name: 'ignores the signal of a ping',
    red: ['ping is cancelled by its signal, before and while it waits'],
    connection: (inner) => ({ ping: () => inner.ping() }),
  },
  {
    name: 'does not keep an idle connection alive',
    red: ['an idle connection stays'],
    node: (options) =>
      options.limits?.keepAliveMs === undefined
        ? options
        : { ...options, limits: { ...options.limits, keepAliveMs: 60_000 } },
  },
  {
    name: 'never notices silence',
    red: [
      'ping waits for an answer of the peer, in bounded number, until the end',
      'silence of the network ends a connection at both ends',
      'a peer that is killed while it writes is noticed, and its bytes stay valid',
    ],
    node: (options) => ({ ...options, limits: { ...options.limits, idleTimeoutMs: 10_000_000 } }),
  },
  {
    name: 'blames the peer for the silence of the network',
    red: ['silence of the network ends a connection at both ends'],
    connection: rewriting((reason) => {
      const isSilence = reason.error !== null && reason.code === 0 && !reason.remote
      return isSilence ? { ...reason, remote: true } : reason
    }),
  },
  {
    name: 'closes without waiting for what was written',
    red: ['close brings over everything that was written before'],
    node: (options) => {
      const { closeTimeoutMs = 0 } = options.limits ?? {}
      const isGenerous = closeTimeoutMs >= 20_000
      return isGenerous ? { ...options, limits: { ...options.limits, closeTimeoutMs: 0 } } : options
    },
  },
  {
    name: 'changes the code of a close',
    red: ['the reason of a close reaches both ends, and the first one holds'],
    connection: (inner) => ({
      close: (reason) => inner.close(reason?.code === 7 ? { ...reason, code: 8 } : reason),
    }),
  },
  {
    name: 'cuts the reason of a close too early',
    red: ['a long reason is cut at 128 bytes, between two characters'],
    connection: (inner) => ({
      close: (given = {}) => inner.close({ ...given, reason: (given.reason ?? '').slice(0, 50) }),
    }),
  },
  {
    name: 'closes only when a reader has read',
    red: ['close gives up on a reader that does not read after closeTimeoutMs'],
    node: (options) =>
      options.limits?.closeTimeoutMs === 300
        ? { ...options, limits: { ...options.limits, closeTimeoutMs: 10_000_000 } }
        : options,
  },
  {
    name: 'swallows what a callback throws',
    red: ['a callback that throws ends its connection and nothing else'],
    connection: (inner) => ({
      get onStream() {
        return inner.onStream
      },
      set onStream(callback) {
        inner.onStream =
          callback &&
          ((stream) => {
            try {
              callback(stream)
            } catch {
              // As if nothing had happened: that is the fault.
            }
          })
      },
    }),
  },
  {
    name: 'does not count what it sends',
    red: ['snapshot and stats tell what is there'],
    connection: (inner) => ({ stats: () => ({ ...inner.stats(), sentBytes: 0 }) }),
  },
  {
    name: 'drops streams that nobody waits for yet',
    red: ['streams wait while nobody listens to them'],
    connection: (inner) => {
      inner.onStream = (stream) => stream.reset(0)
      return {}
    },
  },
]

export { ignoring }
