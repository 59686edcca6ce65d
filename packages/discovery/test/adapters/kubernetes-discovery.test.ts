import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kubernetesDiscovery } from '../../src/adapters/kubernetes-discovery.ts'
import { errorOf } from '../errors.ts'
import { startNameServer } from '../name-server.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

const noSignal = new AbortController().signal
const base = { service: 'shop', defaultPort: 6_969, clusterDomain: 'cluster.test' }

describe('a headless Service', () => {
  it('is found by the A records of its name', async () => {
    const server = await startNameServer({
      hosts: ['10.1.0.4 shop.prod.svc.cluster.test', '10.1.0.5 shop.prod.svc.cluster.test'],
    })
    const discovery = kubernetesDiscovery({ ...base, namespace: 'prod', servers: [server.address] })
    const { addresses } = await discovery.find(noSignal)
    expect(addresses.map(({ host, port }) => `${host}:${port}`).sort()).toEqual([
      '10.1.0.4:6969',
      '10.1.0.5:6969',
    ])
  })

  it('is found by the SRV records of its named UDP port', async () => {
    const server = await startNameServer({
      hosts: ['10.1.0.4 shop-0.shop.prod.svc.cluster.test'],
      more: [
        '--srv-host=_gossip._udp.shop.prod.svc.cluster.test,shop-0.shop.prod.svc.cluster.test,7946',
      ],
    })
    const { addresses } = await kubernetesDiscovery({
      ...base,
      namespace: 'prod',
      portName: 'gossip',
      servers: [server.address],
    }).find(noSignal)
    expect(addresses).toEqual([{ host: '10.1.0.4', port: 7_946 }])
  })

  it('that does not exist is told, with what it must be', async () => {
    const server = await startNameServer()
    const { reason, detail } = await kubernetesDiscovery({
      ...base,
      namespace: 'prod',
      servers: [server.address],
    }).find(noSignal)
    expect(reason).toBe('notFound')
    expect(detail).toContain('shop.prod.svc.cluster.test')
    expect(detail).toContain('publishNotReadyAddresses')
  })

  it('is of the namespace in a file, once that can be read', async () => {
    const server = await startNameServer({ hosts: ['10.1.0.4 shop.night.svc.cluster.test'] })
    const namespaceFile = join(await temporaryDirectory(), 'namespace')
    const servers = [server.address]
    const discovery = kubernetesDiscovery({ ...base, namespaceFile, servers })
    const missing = await discovery.find(noSignal)
    expect([missing.reason, missing.detail]).toEqual([
      'notFound',
      expect.stringContaining(namespaceFile),
    ])
    await writeFile(namespaceFile, 'not a namespace!')
    expect((await discovery.find(noSignal)).reason).toBe('malformed')
    await writeFile(namespaceFile, 'night\n')
    expect((await discovery.find(noSignal)).addresses).toEqual([{ host: '10.1.0.4', port: 6_969 }])
  })
})

describe('the options of Kubernetes', () => {
  it.each([
    ['a service with dots', { service: 'shop.prod', namespace: 'x' }, 'kubernetes.service'],
    ['a namespace in capitals', { namespace: 'Prod' }, 'kubernetes.namespace'],
    ['neither namespace nor file', {}, 'kubernetes.namespace'],
    ['both', { namespace: 'x', namespaceFile: '/x' }, 'kubernetes.namespace'],
    ['an empty port name', { namespace: 'x', portName: '' }, 'kubernetes.portName'],
    ['a wrong domain', { namespaceFile: '/x', clusterDomain: 'a b' }, 'kubernetes'],
  ])('with %s are refused', async (_, wrong, words) => {
    const error = await errorOf(() => kubernetesDiscovery({ ...base, ...wrong }))
    expect([error.code, error.message]).toEqual([
      'ERR_NODOSUM_CONFIG_INVALID',
      expect.stringContaining(words),
    ])
  })
})
