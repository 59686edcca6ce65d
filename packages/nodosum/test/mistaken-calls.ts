import { anyNode, generateGossipKey } from '../src/index.ts'
import { inMemory, type Mistake } from './mistaken-nodes.ts'

export const calls: readonly Mistake[] = [
  {
    mistake: 'a request that nobody handles',
    code: 'ERR_NODOSUM_NO_TARGET',
    says: ['no ready member runs shelf', 'has called its onMessage or onRequest'],
    make: () => inMemory((a) => a.application('shelf').request(anyNode(), 'tea')),
  },
  {
    mistake: 'a request to an application that only takes messages',
    code: 'ERR_NODOSUM_NO_HANDLER',
    says: ['b: shelf has no request handler', 'onRequest registers one'],
    make: () =>
      inMemory((a, b) => {
        b.application('shelf').onMessage(() => undefined)
        return a.application('shelf').request('b', 'tea', { timeoutMs: 500 })
      }),
  },
  {
    mistake: 'a second handler',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['shelf', 'onMessage'],
    make: () =>
      inMemory(async (a) =>
        a
          .application('shelf')
          .onMessage(() => undefined)
          .onMessage(() => undefined),
      ),
  },
  {
    mistake: 'a handler that was called instead of passed',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['onMessage(handler) takes a function', 'not undefined'],
    make: () => inMemory(async (a) => a.application('shelf').onMessage(undefined as never)),
  },
  {
    mistake: 'a name of an application that is none',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['application', 'A-Z a-z 0-9'],
    make: () => inMemory(async (a) => a.application('our shelf')),
  },
  {
    mistake: "a name of the library's own",
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['names that begin with "nodosum."', 'got nodosum.shelf'],
    make: () => inMemory(async (a) => a.application('nodosum.shelf')),
  },
  {
    mistake: 'a node that does not exist',
    code: 'ERR_NODOSUM_PEER_UNKNOWN',
    says: ['no living member of the cluster is called c', 'node.members() lists those there are'],
    make: () => inMemory((a) => a.application('shelf').send('c', 'tea')),
  },
  {
    mistake: 'a payload that does not travel',
    code: 'ERR_NODOSUM_PAYLOAD_INVALID',
    says: ['sku', 'await'],
    make: () => inMemory((a) => a.application('shelf').send('b', { sku: Promise.resolve('tea') })),
  },
  {
    mistake: 'a payload that is too large',
    code: 'ERR_NODOSUM_MESSAGE_TOO_LARGE',
    says: ['2097152', 'messageBytesMax'],
    make: () => inMemory((a) => a.application('shelf').send('b', new Uint8Array(2_097_152))),
  },
  {
    mistake: 'an option of a call that there is not',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ["has no option 'timeout'", "did you mean 'timeoutMs'"],
    make: () => inMemory((a) => a.application('shelf').send('b', 1, { timeout: 5 } as object)),
  },
  {
    mistake: 'a time of a call as text',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['timeoutMs takes a number of milliseconds from 1', 'not "5s"'],
    make: () =>
      inMemory((a) => a.application('shelf').request('b', 1, { timeoutMs: '5s' } as object)),
  },
  {
    mistake: 'nobody to send to',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['an empty list', 'to'],
    make: () => inMemory((a) => a.application('shelf').send([], 'tea')),
  },
  {
    mistake: 'an event that there is not',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ["takes 'member' or 'undelivered'", "did you mean 'member'?"],
    make: () => inMemory(async (a) => a.on('members' as 'member', () => undefined)),
  },
  {
    mistake: 'using a node that is closed',
    code: 'ERR_NODOSUM_SHUT_DOWN',
    says: ['this node is closed', 'createNode starts another'],
    make: () =>
      inMemory(async (a) => {
        await a.close()
        return a.application('shelf').send('b', 'tea')
      }),
  },
  {
    mistake: 'changing the port of a node that runs',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['listen.port: takes effect at a restart only', 'restart the node'],
    make: () => inMemory((a) => a.reconfigure({ listen: { port: 7_000 } })),
  },
  {
    mistake: 'replacing gossip keys all at once',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['gossipKeys: the keys of a running cluster', 'node.gossipKeys.install, use and remove'],
    make: () => inMemory((a) => a.reconfigure({ gossipKeys: [generateGossipKey()] })),
  },
  {
    mistake: 'a handler that throws',
    code: 'ERR_NODOSUM_REMOTE_ERROR',
    says: ['b', 'out of tea'],
    make: () =>
      inMemory((a, b) => {
        b.application('shelf').onRequest(() => {
          throw new Error('out of tea')
        })
        return a.application('shelf').request('b', 'tea')
      }),
  },
]
