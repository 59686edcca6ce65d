import { createServer, connect as dial } from 'node:net'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import { type Address, checkAddress, checkTarget } from '../address.ts'
import type { LinkFaults, TcpFaults, UdpFaults } from '../core/faults.ts'
import type { ProxyOptions, ProxySetup } from '../driver/fault-proxy.ts'
import { TcpProxy, type TcpSockets } from '../driver/tcp-proxy.ts'
import { UdpProxy } from '../driver/udp-proxy.ts'
import {
  type TcpLimits,
  tcpLimitOptions,
  type UdpLimits,
  udpLimitOptions,
} from '../limit-options.ts'
import { systemDatagramSockets } from './datagram-sockets.ts'
import { listenFailed } from './listen-failed.ts'

/**
 * Starts a proxy for datagrams.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID for addresses, faults or limits that are not right;
 *   ERR_NODOSUM_LISTEN_FAILED when the system refuses the address
 */
export async function startUdpProxy(
  options: ProxyOptions<UdpFaults, UdpLimits>,
): Promise<UdpProxy> {
  const limits = udpLimitOptions.parse(options.limits)
  const listen = checkAddress(options.listen, 'listen')
  return UdpProxy.start(setupOf(options), limits, systemDatagramSockets, listen)
}

/**
 * Starts a proxy for TCP connections.
 *
 * @throws as `startUdpProxy` does
 */
export async function startTcpProxy(
  options: ProxyOptions<TcpFaults, TcpLimits>,
): Promise<TcpProxy> {
  const limits = tcpLimitOptions.parse(options.limits)
  const listen = checkAddress(options.listen, 'listen')
  const setup = setupOf(options)
  const sockets = await listenTcp(listen)
  try {
    return new TcpProxy(setup, limits, sockets)
  } catch (error) {
    sockets.server.close()
    throw error
  }
}

function setupOf<F extends LinkFaults, L>(
  options: ProxyOptions<F, L>,
): Omit<ProxySetup<F>, 'protocol' | 'perfect'> {
  return {
    to: checkTarget(options.to, 'to'),
    faults: options.faults ?? {},
    seed: options.seed ?? systemRandom().u32(),
    scheduler: options.scheduler ?? systemScheduler(),
  }
}

async function listenTcp(at: Address): Promise<TcpSockets> {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenFailed(at, error)))
    server.listen({ host: at.host, port: at.port, exclusive: true }, resolve)
  })
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : at.port
  return {
    server,
    address: { host: at.host, port },
    dial: ({ host, port }) => dial({ host, port, allowHalfOpen: true, noDelay: true }),
  }
}
