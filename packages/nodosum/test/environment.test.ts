import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isNodosumError, type NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { createNode, generateGossipKey } from '../src/index.ts'
import { nodeConfig } from '../src/node-config.ts'
import { certificateFor, scratch } from './start-nodes.ts'

const base = { cluster: 'shop', profile: 'development' } as const

function problemOf(options: object, env: Record<string, string | undefined>): NodosumError {
  try {
    nodeConfig(options, env)
  } catch (error) {
    if (isNodosumError(error)) return error
    throw error
  }
  throw new Error('it was taken')
}

describe('variables of the environment', () => {
  it('override options: two underscores go a level down, one stands before a capital', () => {
    const options = { ...base, listen: { host: '127.0.0.1', port: 6969 } }
    const config = nodeConfig(options, {
      NODOSUM_LISTEN__PORT: '7000',
      NODOSUM_NODE_ID: 'shop-7',
      NODOSUM_JOIN__ALONE: 'false',
      NODOSUM_DISCOVERY__SEEDS: '10.0.0.1:6969, 10.0.0.2:6969',
      NODOSUM_TAGS__zone: 'eu-1',
      NODOSUM_LAYERS__MESSAGING__SEND_TIMEOUT_MS: '250',
      NODOSUM_LAYERS__QUIC__IDLE_TIMEOUT_MS: '9000',
      NODOSUM_LAYERS__H2: '{ "idleTimeoutMs": 8000 }',
      NODOSUM_DATA_DIRECTORY: '',
      PATH: '/bin',
    })
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 7000 })
    expect(config.nodeId).toBe('shop-7')
    expect(config.join.alone).toBe(false)
    expect(config.discovery).toEqual({ seeds: ['10.0.0.1:6969', '10.0.0.2:6969'] })
    expect(config.tags).toEqual({ zone: 'eu-1' })
    expect(config.layers.messaging.sendTimeoutMs).toBe(250)
    expect(config.layers.quic).toEqual({ idleTimeoutMs: 9_000 })
    expect(config.layers.h2.idleTimeoutMs).toBe(8_000)
    expect(config.dataDirectory).toBeUndefined()
    // What the caller passed is his.
    expect(options.listen.port).toBe(6969)
  })

  it('are not read unless they are passed', () => {
    process.env.NODOSUM_NODE_ID = 'from-the-process'
    try {
      expect(nodeConfig(base, undefined).nodeId).toBeUndefined()
    } finally {
      delete process.env.NODOSUM_NODE_ID
    }
  })

  it('name files that hold secrets; a name that is an option of its own is that option', async () => {
    const directory = scratch()
    const keys = [generateGossipKey(), generateGossipKey()]
    const file = join(directory, 'gossip')
    writeFileSync(file, `${keys.join('\n')}\n`)
    const { key } = await certificateFor('shop-1', directory)
    writeFileSync(join(directory, 'key.pem'), key)
    const config = nodeConfig(
      { cluster: 'shop', join: { alone: true } },
      {
        NODOSUM_GOSSIP_KEYS_FILE: file,
        NODOSUM_IDENTITY__KEY_FILE: join(directory, 'key.pem'),
        NODOSUM_IDENTITY__CA_FILE: '/ca.pem',
        NODOSUM_IDENTITY__CERTIFICATE_FILE: '/node.pem',
      },
    )
    expect(config.gossipKeys).toEqual(keys)
    expect(config.identity?.keyFile).toBe(join(directory, 'key.pem'))
  })

  it('that nobody knows are an error with a suggestion, all at once with what is wrong elsewhere', () => {
    const env = {
      NODOSUM_LISTEN__PROT: '7000',
      NODOSUM_LISTEN__PORT: 'seven',
      NODOSUM_SOMETHING_ELSE: '1',
      NODOSUM_GOSSIP_KEYS_FILE: '/nowhere/keys',
      NODOSUM_LOGGER: 'pino',
    }
    const error = problemOf({ cluster: 'shop', clusterr: 1 }, env)
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(error.details.problems).toHaveLength(9)
    for (const words of [
      'NODOSUM_LISTEN__PROT: no option is called so, did you mean NODOSUM_LISTEN__PORT?',
      'listen.port: expected a whole number',
      '(from NODOSUM_LISTEN__PORT)',
      'NODOSUM_SOMETHING_ELSE: no option is called so',
      'NODOSUM_GOSSIP_KEYS_FILE: /nowhere/keys cannot be read',
      'NODOSUM_LOGGER: a Logger cannot come from the environment',
      "clusterr: unknown key, did you mean 'cluster'?",
      'identity: required and missing',
      'gossipKeys: required and missing',
      'discovery: required and missing',
    ]) {
      expect(error.message).toContain(words)
    }
  })

  it('that Kubernetes sets for a Service called nodosum are left alone', () => {
    const injected = {
      NODOSUM_SERVICE_HOST: '10.96.0.7',
      NODOSUM_SERVICE_PORT: '6969',
      NODOSUM_SERVICE_PORT_GOSSIP: '6969',
      NODOSUM_PORT: 'udp://10.96.0.7:6969',
      NODOSUM_PORT_6969_UDP: 'udp://10.96.0.7:6969',
      NODOSUM_PORT_6969_UDP_PROTO: 'udp',
      NODOSUM_PORT_6969_UDP_PORT: '6969',
      NODOSUM_PORT_6969_UDP_ADDR: '10.96.0.7',
      NODOSUM_PORT_6969_TCP: 'tcp://10.96.0.7:6969',
      NODOSUM_GOSSIP_SERVICE_HOST: '10.96.0.8',
      NODOSUM_GOSSIP_PORT: 'tcp://10.96.0.8:6969',
    }
    expect(nodeConfig(base, injected).listen).toBeUndefined()
    // The same name with another value is a mistake: NODOSUM_LISTEN__PORT was meant.
    expect(problemOf(base, { NODOSUM_PORT: '7000' }).message).toContain('NODOSUM_PORT')
  })

  it('do not show secrets in errors, and refuse two that set one option', () => {
    const secret = `ngk1_${'s'.repeat(43)}!`
    const error = problemOf(base, { NODOSUM_GOSSIP_KEYS: secret, NODOSUM_GOSSIP_KEYS_FILE: '/x' })
    expect(error.message).not.toContain('sss')
    expect(error.message).toContain('NODOSUM_GOSSIP_KEYS sets gossipKeys as well')
  })

  it('start a node, with everything in them', async () => {
    const env = {
      NODOSUM_CLUSTER: 'from-environment',
      NODOSUM_PROFILE: 'development',
      NODOSUM_NODE_ID: 'shop-9',
      NODOSUM_DEVELOPMENT_DIRECTORY: scratch(),
      NODOSUM_LOG_LEVEL: 'error',
    }
    await using node = await createNode({}, { env })
    expect([node.cluster, node.id]).toEqual(['from-environment', 'shop-9'])
  })

  it('are passed as env: the environment itself is refused', async () => {
    const started = createNode(base, process.env as never)
    await expect(started).rejects.toThrow('it takes { env }')
  })
})
