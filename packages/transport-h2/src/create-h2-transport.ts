import type { Logger, Scheduler } from '@nodosum/kernel'
import type { Transport, TransportCredentials, VerifyPeer } from '@nodosum/transport'
import { createTlsNetwork } from './adapters/tls-network.ts'
import { H2Endpoint } from './driver/h2-endpoint.ts'
import { type H2Options, parseH2Options } from './options.ts'

/** What an HTTP/2 transport is made of. */
export interface H2TransportOptions {
  /** IP literal of a local address; `0.0.0.0` or `::` for all of them. */
  readonly host: string
  /** TCP port that `listen` binds, 0 to 65,535; 0 picks a free one. Dialing needs none. */
  readonly port: number
  readonly credentials: TransportCredentials
  /** Called with the peer's chain after every handshake, on both sides. */
  readonly verifyPeer: VerifyPeer
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly options?: H2Options
}

/**
 * HTTP/2 with mutual TLS 1.3 over one TCP port. Nothing is bound before `listen`.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID when options or credentials cannot be used
 */
export function createH2Transport(options: H2TransportOptions): Transport {
  const settings = parseH2Options(options.options)
  const { host, port, credentials, verifyPeer, scheduler, logger } = options
  const network = createTlsNetwork({ credentials, settings })
  return new H2Endpoint({ host, port, network, verifyPeer, scheduler, logger, settings })
}
