export type { UdpPort, UdpPortOptions, UdpPortStats } from './adapters/udp-port.ts'
export { bindUdpPort } from './adapters/udp-port.ts'
export type {
  ByteStream,
  CloseReason,
  Connection,
  ConnectionSnapshot,
  ConnectionStats,
  ConnectOptions,
  HostPort,
  Listener,
  PeerIdentity,
  Transport,
  TransportLimits,
  TransportSnapshot,
  VerifyPeer,
} from './contract.ts'
export { closeReasonBytesMax, codeMax, outstandingPingsMax } from './contract.ts'
export { ChunkQueue } from './driver/chunk-queue.ts'
export type { DialerParts, DialOptions } from './driver/dialer.ts'
export { Dialer } from './driver/dialer.ts'
export type { DialerOptions, DialerSettings } from './options.ts'
export { dialerOptions } from './options.ts'
