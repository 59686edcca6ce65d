import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { generateGossipKey, type NodeOptions } from '../src/index.ts'
import {
  aliveOf,
  certificateFor,
  freePorts,
  rejection,
  scratch,
  seeEachOther,
  startNode,
  until,
} from './start-nodes.ts'

const dayMs = 86_400_000

/** What a node of profile small needs to form a cluster by itself. */
async function alone(nodeId = 'shop-1', directory = scratch()): Promise<object> {
  return {
    listen: { host: '127.0.0.1', port: 0 },
    join: { alone: true, timeoutMs: 5_000 },
    identity: await certificateFor(nodeId, directory),
    gossipKeys: [generateGossipKey()],
  }
}

describe('createNode rejects', () => {
  it('when the port is taken', async () => {
    const holder = createSocket('udp4').bind(0, '127.0.0.1')
    await once(holder, 'listening')
    onTestFinished(() => void holder.close())
    const { port } = holder.address()
    const error = await rejection({ ...(await alone()), listen: { host: '127.0.0.1', port } })
    expect(error.code).toBe('ERR_NODOSUM_LISTEN_FAILED')
    expect(error.message).toContain(String(port))
  })

  it('when the address is not of this machine', async () => {
    const error = await rejection({ ...(await alone()), listen: { host: '192.0.2.1', port: 0 } })
    expect(error.code).toBe('ERR_NODOSUM_LISTEN_FAILED')
  })

  it('when the certificate is from another CA', async () => {
    const mine = await certificateFor('shop-1', scratch())
    const other = await certificateFor('shop-1', scratch())
    const error = await rejection({ ...(await alone()), identity: { ...mine, ca: other.ca } })
    expect(error.code).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
  })

  it('when the certificate has expired', async () => {
    const identity = await certificateFor('shop-1', scratch(), { wallMs: Date.now() - 30 * dayMs })
    const error = await rejection({ ...(await alone()), identity })
    expect(error.code).toBe('ERR_NODOSUM_CERT_EXPIRED')
  })

  it('when the certificate names another node or another cluster', async () => {
    const identity = await certificateFor('shop-2', scratch())
    const named = await rejection({ ...(await alone()), nodeId: 'shop-1', identity })
    expect(named.code).toBe('ERR_NODOSUM_IDENTITY_MISMATCH')
    const foreign = await certificateFor('shop-1', scratch(), { cluster: 'other' })
    const elsewhere = await rejection({ ...(await alone()), identity: foreign })
    expect(elsewhere.code).toBe('ERR_NODOSUM_IDENTITY_MISMATCH')
  })

  it('when the certificate file does not exist, and names the file', async () => {
    const files = {
      certificateFile: '/nowhere/node.crt',
      keyFile: '/nowhere/k',
      caFile: '/nowhere/c',
    }
    const error = await rejection({ ...(await alone()), identity: files })
    expect(error.message).toContain('/nowhere/')
    expect(error.retryable).toBe(false)
  })

  it('when no cluster can be joined in time, and says what was tried', async () => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const seed = `127.0.0.1:${silent.address().port}`
    const error = await rejection({
      ...(await alone()),
      discovery: { seeds: [seed] },
      join: { timeoutMs: 400 },
    })
    expect(error.code).toBe('ERR_NODOSUM_JOIN_TIMEOUT')
    expect(error.message).toContain('400 ms')
    expect(error.retryable).toBe(true)
  })

  it('when fewer founders come than are expected', async () => {
    const error = await rejection({
      ...(await alone()),
      discovery: { seeds: [] },
      join: { expect: 2, timeoutMs: 400 },
    })
    expect(error.code).toBe('ERR_NODOSUM_JOIN_TIMEOUT')
  })

  it('when its signal aborts', async () => {
    const signal = AbortSignal.timeout(200)
    const join = { expect: 2, timeoutMs: 30_000 }
    const error = await rejection({ ...(await alone()), discovery: { seeds: [] }, join, signal })
    expect(error.code).toBe('ERR_NODOSUM_CANCELLED')
  })

  it('when options are wrong: all problems at once, with path and suggestion', async () => {
    const options = { ...(await alone()), clusterr: 'x', listen: { port: -1 }, nodeId: 'no spaces' }
    const error = await rejection(options)
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(error.message).toContain('clusterr')
    expect(error.message).toContain('cluster')
    expect(error.message).toContain('listen.port')
    expect(error.message).toContain('nodeId')
  })

  it('when tags would not fit, or the advertised address is a name', async () => {
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`t${index}`, '']))
    const wrong = [
      [{ tags: many }, 'tags'],
      [{ tags: { zone: 'ä'.repeat(129) } }, 'tags.zone'],
      [{ tags: { ['n'.repeat(65)]: '' } }, 'tags'],
      [{ advertise: { host: 'shop-1.internal' } }, 'advertise.host'],
    ] as const
    for (const [options, path] of wrong) {
      const error = await rejection({ ...(await alone()), ...options })
      expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
      expect(error.message).toContain(path)
    }
    const most = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`t${index}`, 'x']))
    const node = await startNode({ ...(await alone()), tags: most })
    expect(node.members()[0]?.tags).toEqual(most)
  })

  it('when identity, gossip keys and discovery are missing, and names all three', async () => {
    const error = await rejection({})
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    for (const name of ['identity', 'gossipKeys', 'discovery'])
      expect(error.message).toContain(name)
  })

  it('when a layer cannot use its options', async () => {
    const options = { ...(await alone()), layers: { quic: { idleTimeoutMs: -5 } } }
    const error = await rejection(options)
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(error.message).toContain('idleTimeoutMs')
  })

  it('when profile development should listen beyond loopback', async () => {
    const error = await rejection({
      profile: 'development',
      developmentDirectory: scratch(),
      listen: { host: '0.0.0.0', port: 0 },
    })
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(error.message).toContain('loopback')
  })

  it('when profile development would ignore an option, and says why', async () => {
    const development = { profile: 'development', developmentDirectory: scratch() }
    const { identity, gossipKeys } = (await alone()) as NodeOptions
    const ignored = [
      [{ identity }, 'identity: profile development makes its own'],
      [{ gossipKeys }, 'gossipKeys: profile development makes its own'],
      [
        { advertise: { host: '10.1.1.1' } },
        'advertise.host: profile development stays on loopback',
      ],
    ] as const
    for (const [options, words] of ignored) {
      const error = await rejection({ ...development, ...options })
      expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
      expect(error.message).toContain(words)
      expect(error.message).toContain('use profile small')
    }
  })

  it('when join.expect and join.alone contradict each other', async () => {
    const error = await rejection({ ...(await alone()), join: { expect: 3, alone: true } })
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(error.message).toContain('join.alone: contradicts join.expect: 3')
  })

  it('when discovery hangs, and says that it has not answered', async () => {
    const error = await rejection({
      ...(await alone()),
      discovery: () => new Promise(() => undefined),
      join: { timeoutMs: 300 },
    })
    expect(error.code).toBe('ERR_NODOSUM_JOIN_TIMEOUT')
    expect(error.message).toContain('discovery: it was asked and has not answered')
  })

  it('when an option has another form, and shows the form', async () => {
    const wrong = [
      [
        { discovery: ['10.0.0.1:6969'] },
        'discovery: expected { seeds: ["10.0.0.1:6969"] } (or dns, kubernetes, consul, file), or a',
      ],
      [{ identity: { certificate: Buffer.from('x') } }, 'got bytes: pass text'],
    ] as const
    for (const [options, words] of wrong) {
      const error = await rejection({ ...(await alone()), ...options })
      expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
      expect(error.message).toContain(words)
    }
  })

  it('when another living process uses its id', async () => {
    const developmentDirectory = scratch()
    const options = { profile: 'development', developmentDirectory } as const
    const first = await startNode({ nodeId: 'shop-1', ...options })
    const second = await startNode({ nodeId: 'shop-2', ...options })
    await seeEachOther([first, second])
    const error = await rejection({ nodeId: 'shop-1', ...options })
    expect(error.code).toBe('ERR_NODOSUM_NODE_ID_CONFLICT')
    expect(aliveOf(second)).toEqual(['shop-1', 'shop-2'])
  })

  it('when the only node that there is uses its id', async () => {
    const options = { profile: 'development', developmentDirectory: scratch() } as const
    const first = await startNode({ nodeId: 'shop-1', ...options })
    const error = await rejection({ nodeId: 'shop-1', ...options, join: { timeoutMs: 10_000 } })
    expect(error.code).toBe('ERR_NODOSUM_NODE_ID_CONFLICT')
    expect(aliveOf(first)).toEqual(['shop-1'])
  })
})

describe('createNode in profile development', () => {
  it('stays on loopback when only the port is given', async () => {
    const [port = 0] = await freePorts(1)
    const developmentDirectory = scratch()
    const node = await startNode({ profile: 'development', developmentDirectory, listen: { port } })
    expect(node.address).toMatchObject({ host: '127.0.0.1', port })
  })

  it('picks a free port when only the host is given', async () => {
    const options = { profile: 'development', developmentDirectory: scratch() } as const
    const listen = { host: '127.0.0.1' }
    const nodes = [await startNode({ ...options, listen }), await startNode({ ...options, listen })]
    await seeEachOther(nodes)
  })
})

describe('createNode with certificates and seeds', () => {
  it('forms a cluster of as many founders as are expected', async () => {
    const directory = scratch()
    const gossipKeys = [generateGossipKey()]
    const ports = await freePorts(3)
    const nodes = await Promise.all(
      ports.map(async (port, index) =>
        startNode({
          listen: { host: '127.0.0.1', port },
          discovery: { seeds: ports.map((seed) => `127.0.0.1:${seed}`) },
          join: { expect: 3, timeoutMs: 20_000 },
          identity: await certificateFor(`shop-${index}`, directory),
          gossipKeys,
        }),
      ),
    )
    await seeEachOther(nodes)
    expect(nodes.map(({ id }) => id)).toEqual(['shop-0', 'shop-1', 'shop-2'])
  })

  it('keeps strangers out: another gossip key, another CA', async () => {
    const directory = scratch()
    const gossipKeys = [generateGossipKey()]
    const first = await startNode({
      ...(await alone('shop-1', directory)),
      gossipKeys,
    })
    const seeds = [`127.0.0.1:${first.address.port}`]
    const join = { timeoutMs: 1_500 }
    const otherKey = {
      ...(await alone('shop-2', directory)),
      discovery: { seeds },
      join,
    }
    expect((await rejection(otherKey)).code).toBe('ERR_NODOSUM_JOIN_TIMEOUT')
    expect(aliveOf(first)).toEqual(['shop-1'])
  })

  it('knows where it is reached when it binds every address', async () => {
    const directory = scratch()
    const gossipKeys = [generateGossipKey()]
    const listen = { host: '0.0.0.0', port: 0 }
    const first = await startNode({ ...(await alone('shop-1', directory)), gossipKeys, listen })
    const second = await startNode({
      ...(await alone('shop-2', directory)),
      join: { timeoutMs: 10_000 },
      discovery: { seeds: [`127.0.0.1:${first.address.port}`] },
      gossipKeys,
      listen,
    })
    const nodes = [first, second]
    await until(() => nodes.every(({ address }) => address.host === '127.0.0.1'))
    for (const node of nodes) expect(node.members()[0]?.addresses[0]?.host).toBe('127.0.0.1')
  })

  it('finds seeds with a function', async () => {
    const directory = scratch()
    const gossipKeys = [generateGossipKey()]
    const first = await startNode({ ...(await alone('shop-1', directory)), gossipKeys })
    const second = await startNode({
      ...(await alone('shop-2', directory)),
      join: { alone: false, timeoutMs: 10_000 },
      discovery: async () => [`127.0.0.1:${first.address.port}`],
      gossipKeys,
    })
    await seeEachOther([first, second])
    expect(aliveOf(first)).toEqual(['shop-1', 'shop-2'])
  })
})

describe('the node id', () => {
  const shared = async (): Promise<object> => {
    const identity = { ...(await certificateFor('replica', scratch())), match: 'cluster' }
    return { ...(await alone()), identity }
  }

  it('is kept in dataDirectory when it had to be made up', async () => {
    const dataDirectory = join(scratch(), 'data')
    const options = { ...(await shared()), dataDirectory }
    const first = await startNode(options)
    await first.close()
    const second = await startNode(options)
    expect(second.id).toBe(first.id)
    expect(second.bootId).not.toBe(first.bootId)
    expect(readFileSync(join(dataDirectory, 'node-id'), 'utf8').trim()).toBe(first.id)
    expect(readdirSync(dataDirectory).sort()).toEqual(['membership', 'node-id'])
  })

  it('is not guessed when the file holds something else', async () => {
    const dataDirectory = scratch()
    writeFileSync(join(dataDirectory, 'node-id'), 'not a node id!')
    const error = await rejection({ ...(await shared()), dataDirectory })
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(error.message).toContain('node-id')
  })
})
