import type { Logger, Random, Scheduler } from '@nodosum/kernel'
import type { Transport, TransportCredentials, UdpPort, VerifyPeer } from '@nodosum/transport'
import { startHangWatchdog } from './adapters/hang-watchdog.ts'
import { applicationProtocol, loadEngine } from './adapters/quiche-binding.ts'
import { createRetryTokens } from './adapters/retry-tokens.ts'
import { QuicEndpoint } from './driver/quic-endpoint.ts'
import { parseQuicOptions, type QuicOptions } from './options.ts'
import type { SealedHandshakes } from './ports.ts'

/** What a QUIC transport is made of. */
export interface QuicTransportOptions {
  /** The bound port; it stays the caller's, who also closes it, after the transport. */
  readonly udp: UdpPort
  readonly credentials: TransportCredentials
  /** Called with the peer's chain after every handshake, on both sides. */
  readonly verifyPeer: VerifyPeer
  /**
   * Makes the port silent to everybody without the cluster's key: handshakes travel sealed, and one
   * that is not, or not for this process, or came before, gets no answer. Without it a dialer must
   * first show that it is where it says (QUIC Retry).
   */
  readonly handshakes?: SealedHandshakes | undefined
  readonly scheduler: Scheduler
  /** For connection ids: must be unpredictable in production (`systemRandom()`). */
  readonly random: Random
  readonly logger: Logger
  readonly options?: QuicOptions
}

/**
 * QUIC with mutual TLS 1.3 over one UDP port.
 *
 * @throws ERR_NODOSUM_TRANSPORT_UNAVAILABLE when the binding does not load on this platform;
 *   ERR_NODOSUM_CONFIG_INVALID when options or credentials cannot be used
 */
export async function createQuicTransport(options: QuicTransportOptions): Promise<Transport> {
  const settings = parseQuicOptions(options.options)
  const engine = await loadEngine(options.credentials, settings)
  const { hangWatchdog, hangTimeoutMs } = settings
  const watchdog = hangWatchdog ? await startHangWatchdog(options.scheduler, hangTimeoutMs) : null
  return new QuicEndpoint({
    udp: options.udp,
    engine,
    protocol: applicationProtocol,
    verifyPeer: options.verifyPeer,
    handshakes: options.handshakes ?? null,
    retryTokens: createRetryTokens(),
    scheduler: options.scheduler,
    random: options.random,
    logger: options.logger,
    settings,
    unwatch: async () => watchdog?.stop(),
  })
}
