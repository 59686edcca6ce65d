import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { generateGossipKey } from '../src/index.ts'
import { requireNodeVersion } from '../src/node-version.ts'
import { calls } from './mistaken-calls.ts'
import {
  environment,
  file,
  identityOf,
  joiner,
  type Mistake,
  start,
  testKey,
} from './mistaken-nodes.ts'
import { certificateFor, scratch } from './start-nodes.ts'

const dayMs = 86_400_000

const configuration: readonly Mistake[] = [
  {
    mistake: 'an option that does not exist',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['clusterr: unknown key', "did you mean 'cluster'?"],
    make: () => start({ clusterr: 'shop' }),
  },
  {
    mistake: 'an option of a layer without its unit',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['layers.messaging.sendTimeout: unknown key', "did you mean 'sendTimeoutMs'?"],
    make: () => start({ layers: { messaging: { sendTimeout: 500 } } }),
  },
  {
    mistake: 'a time as text',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['join.timeoutMs: expected a whole number of ms from 100 to 3,600,000', 'got "30s"'],
    make: () => start({ join: { alone: true, timeoutMs: '30s' } }),
  },
  {
    mistake: 'no name for the cluster',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['cluster: required and missing', 'expected a string'],
    make: () => start({ cluster: undefined }),
  },
  {
    mistake: 'a cluster name with spaces',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['cluster: cluster name:', '1 to 64 characters of A-Z a-z 0-9 . _ -'],
    make: () => start({ cluster: 'our shop' }),
  },
  {
    mistake: 'neither certificate nor gossip key nor seeds',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['identity: required and missing', 'profile: "development"'],
    make: () => start({ identity: undefined, gossipKeys: undefined, join: {} }),
  },
  {
    mistake: 'nothing that says where the others are',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['discovery: required and missing', 'join.alone: true for a cluster of one'],
    make: () => start({ join: {} }),
  },
  {
    mistake: 'a profile that there is not',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['profile: expected', '"development"'],
    make: () => start({ profile: 'production' }),
  },
  {
    mistake: 'own certificates in profile development',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['identity: profile development makes its own', 'use profile small'],
    make: () => start({ profile: 'development', developmentDirectory: scratch() }),
  },
  {
    mistake: 'seeds as a list, not in a table',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['discovery: expected', '{ seeds: ["10.0.0.1:6969"] }'],
    make: () => start({ discovery: ['10.0.0.1:6969'] }),
  },
  {
    mistake: 'a seed with IPv6 and no brackets',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['fd00::1:6969', '[fd00::1]:6969'],
    make: () => start({ discovery: { seeds: ['fd00::1:6969'] } }),
  },
  {
    mistake: 'a URL as a seed',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['http://10.0.0.1:6969', 'host:port'],
    make: () => start({ discovery: { seeds: ['http://10.0.0.1:6969'] } }),
  },
  {
    mistake: 'a founder that waits for others and may be alone',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['join.alone: contradicts join.expect: 3', 'leave one of them out'],
    make: () => start({ join: { alone: true, expect: 3 } }),
  },
  {
    mistake: 'advertising 0.0.0.0',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['advertise.host: nobody reaches 0.0.0.0', 'leave it out'],
    make: () => start({ advertise: { host: '0.0.0.0' } }),
  },
  {
    mistake: 'advertising a name',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['advertise.host: an IP address, not a name', 'got "shop-1.internal"'],
    make: () => start({ advertise: { host: 'shop-1.internal' } }),
  },
  {
    mistake: 'listening on a name',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['listen.host must be an IP address of this machine (or 0.0.0.0, ::)', 'localhost'],
    make: () => start({ listen: { host: 'localhost', port: 0 } }),
  },
  {
    mistake: 'one gossip key and no list',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['gossipKeys: expected', 'array of string'],
    make: () => start({ gossipKeys: testKey }),
  },
  {
    mistake: 'a gossip key that lost its end',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['gossipKeys[0]', 'Copy the key whole, or make one with generateGossipKey()'],
    make: () => start({ gossipKeys: [testKey.slice(0, -4)] }),
  },
  {
    mistake: 'console as logger',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['logger: a logger has debug, info, warn, error and child', 'got an object'],
    make: () => start({ logger: console }),
  },
  {
    mistake: 'a tag that is a number',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['tags.version: expected a string', 'got 2'],
    make: () => start({ tags: { version: 2 } }),
  },
  {
    mistake: 'a variable that is no option',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['NODOSUM_LISTEN__PROT: no option is called so', 'did you mean NODOSUM_LISTEN__PORT?'],
    make: () => environment({ NODOSUM_LISTEN__PROT: '7000' }),
  },
  {
    mistake: 'a variable with a word where a number goes',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['listen.port: expected a whole number', '(from NODOSUM_LISTEN__PORT)'],
    make: () => environment({ NODOSUM_LISTEN__PORT: 'auto' }),
  },
  {
    mistake: 'a secret in a file that is not there',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['NODOSUM_GOSSIP_KEYS_FILE: /run/secrets/gossip-key cannot be read', 'no such file'],
    make: () => environment({ NODOSUM_GOSSIP_KEYS_FILE: '/run/secrets/gossip-key' }),
  },
  {
    mistake: 'a Node.js that is too old',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['this is v20.19.0', 'Nodosum needs Node 22.18 or newer'],
    make: () => requireNodeVersion('20.19.0'),
  },
]

const certificates: readonly Mistake[] = [
  {
    mistake: 'a certificate that has expired',
    code: 'ERR_NODOSUM_CERT_EXPIRED',
    says: ['expired', 'renew it'],
    make: async () =>
      start({ identity: await certificateFor('shop-1', scratch(), { wallMs: past(30) }) }),
  },
  {
    mistake: 'a clock that is two days behind',
    code: 'ERR_NODOSUM_CERT_EXPIRED',
    says: ['is not valid yet', 'check the clocks of both machines'],
    make: async () =>
      start({ identity: await certificateFor('shop-1', scratch(), { wallMs: past(-2) }) }),
  },
  {
    mistake: 'the CA of another environment',
    code: 'ERR_NODOSUM_CERT_UNTRUSTED',
    says: ['the certificate', 'CA: '],
    make: async () => {
      const { ca } = await certificateFor('shop-1', scratch())
      return start({ identity: { ...(await identityOf('shop-1')), ca } })
    },
  },
  {
    mistake: "another node's certificate",
    code: 'ERR_NODOSUM_IDENTITY_MISMATCH',
    says: ['names the node shop-2, but this node is shop-1', 'give it its own certificate'],
    make: async () => start({ nodeId: 'shop-1', identity: await identityOf('shop-2') }),
  },
  {
    mistake: 'the certificate of another cluster',
    code: 'ERR_NODOSUM_IDENTITY_MISMATCH',
    says: ['names the cluster "other", this is "test"', 'check `cluster`'],
    make: async () =>
      start({ identity: await certificateFor('shop-1', scratch(), { cluster: 'other' }) }),
  },
  {
    mistake: 'a key that belongs to another certificate',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['does not belong to the certificate', 'give the two that were issued together'],
    make: async () => {
      const { key } = await identityOf('shop-2')
      return start({ identity: { ...(await identityOf('shop-1')), key } })
    },
  },
  {
    mistake: 'a key file that is not there',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['/nowhere/node.key', 'keyFile'],
    make: async () => {
      const { key: _, ...others } = await identityOf('shop-1')
      return start({ identity: { ...others, keyFile: '/nowhere/node.key' } })
    },
  },
  {
    mistake: 'a directory as key file',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['keyFile', 'directory'],
    make: async () => {
      const { key: _, ...others } = await identityOf('shop-1')
      return start({ identity: { ...others, keyFile: scratch() } })
    },
  },
  {
    mistake: 'a key with a passphrase',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['is encrypted', 'openssl pkey -in KEY -out PLAIN'],
    make: async () => {
      const key =
        '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n'
      return start({ identity: { ...(await identityOf('shop-1')), key } })
    },
  },
  {
    mistake: 'a certificate that is not PEM',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['certificateFile', 'PEM'],
    make: async () => {
      const { certificate: _, ...others } = await identityOf('shop-1')
      return start({ identity: { ...others, certificateFile: file('node.der', 'not PEM') } })
    },
  },
]

const network: readonly Mistake[] = [
  {
    mistake: 'a port that somebody has',
    code: 'ERR_NODOSUM_LISTEN_FAILED',
    says: ['EADDRINUSE; the port is taken', 'choose another listen.port (0 picks a free one)'],
    make: async () => {
      const holder = createSocket('udp4').bind(0, '127.0.0.1')
      onTestFinished(() => void holder.close())
      await once(holder, 'listening')
      return start({ listen: { host: '127.0.0.1', port: holder.address().port } })
    },
  },
  {
    mistake: 'an address that this machine has not',
    code: 'ERR_NODOSUM_LISTEN_FAILED',
    says: ['192.0.2.1 port 0: EADDRNOTAVAIL', 'set listen.host to one of its own, or to 0.0.0.0'],
    make: () => start({ listen: { host: '192.0.2.1', port: 0 } }),
  },
  {
    mistake: 'seeds that nobody listens at',
    code: 'ERR_NODOSUM_JOIN_TIMEOUT',
    says: ['nobody answered', '127.0.0.1:9'],
    make: () => start({ discovery: { seeds: ['127.0.0.1:9'] }, join: { timeoutMs: 1_000 } }),
  },
  {
    mistake: 'seeds whose name nobody knows',
    code: 'ERR_NODOSUM_JOIN_TIMEOUT',
    says: ['shop.invalid', 'discovery'],
    make: () => start({ discovery: { seeds: ['shop.invalid:6969'] }, join: { timeoutMs: 2_000 } }),
  },
  {
    mistake: 'fewer founders than expected',
    code: 'ERR_NODOSUM_JOIN_TIMEOUT',
    says: ['it waits for 3 founders', 'join.expect'],
    make: () => start({ discovery: { seeds: [] }, join: { expect: 3, timeoutMs: 500 } }),
  },
  {
    mistake: 'another gossip key than the others have',
    code: 'ERR_NODOSUM_JOIN_TIMEOUT',
    says: ['other gossipKeys', 'another cluster name'],
    make: () => joiner({ gossipKeys: [generateGossipKey()], join: { timeoutMs: 1_000 } }),
  },
  {
    mistake: 'a certificate that the others do not trust',
    code: 'ERR_NODOSUM_CERT_UNTRUSTED',
    says: ['no member connects with it', 'needs a certificate that the CAs of all others take'],
    make: async () => joiner({ identity: await certificateFor('shop-2', scratch()) }),
  },
  {
    mistake: 'two nodes with one id',
    code: 'ERR_NODOSUM_NODE_ID_CONFLICT',
    says: ['another living process at 127.0.0.1', 'uses the node id shop-1'],
    make: async () => {
      const second = await joiner({ identity: await identityOf('shop-2') })
      const discovery = { seeds: [`127.0.0.1:${second.address.port}`] }
      return start({ discovery, join: { timeoutMs: 20_000 } })
    },
  },
  {
    mistake: 'a data directory that is a file',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['dataDirectory', 'cannot be used'],
    make: async () => {
      const identity = { ...(await identityOf('replica')), match: 'cluster' }
      return start({ identity, dataDirectory: join(file('data', ''), 'inside') })
    },
  },
  {
    mistake: 'a node id file with something else in it',
    code: 'ERR_NODOSUM_CONFIG_INVALID',
    says: ['node-id cannot be used', 'it does not hold a node id'],
    make: async () => {
      const dataDirectory = join(scratch(), 'data')
      mkdirSync(dataDirectory)
      writeFileSync(join(dataDirectory, 'node-id'), 'our first node!')
      const identity = { ...(await identityOf('replica')), match: 'cluster' }
      return start({ identity, dataDirectory })
    },
  },
]

/** Under the headings of docs/mistakes.md. */
export const mistakes: Readonly<Record<string, readonly Mistake[]>> = {
  'In the configuration': configuration,
  'With certificates': certificates,
  'On the network': network,
  'In calls': calls,
}

function past(days: number): number {
  return Date.now() - days * dayMs
}
