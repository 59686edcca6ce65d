export { checkCredentials } from './adapters/check-credentials.ts'
export { listenFailed } from './adapters/listen-failed.ts'
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
  TransportCredentials,
  TransportLimits,
  TransportSnapshot,
  VerifyPeer,
} from './contract.ts'
export { closeReasonBytesMax, codeMax, outstandingPingsMax } from './contract.ts'
export { checkLimits } from './core/check-limits.ts'
export type { PeerAddress } from './core/dial-plan.ts'
export { identifyPeer, type PeerDemands, resumedSession } from './core/identify-peer.ts'
export { errorCodeOfRefusal } from './core/refusal-codes.ts'
export { ChunkQueue } from './driver/chunk-queue.ts'
export { ConnectionPool, type PoolParts } from './driver/pool.ts'
export type { PoolCounters, PoolSnapshot } from './driver/pool-snapshot.ts'
export { type PoolOptions, type PoolSettings, parsePoolOptions, poolOptions } from './options.ts'
export type { ConnectionUse, OwedBytes } from './ports.ts'
