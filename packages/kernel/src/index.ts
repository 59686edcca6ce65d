export { type AbortController, type AbortSignal, newAbortController } from './core/abort.ts'
export { fullJitter } from './core/backoff.ts'
export {
  type BootId,
  bootIdFromBytes,
  bootIdToBytes,
  isBootId,
  newBootId,
} from './core/boot-id.ts'
export { BoundedMap } from './core/bounded-map.ts'
export { BoundedQueue } from './core/bounded-queue.ts'
export { ByteReader } from './core/byte-reader.ts'
export { ByteWriter } from './core/byte-writer.ts'
export type { Clock, Scheduler, TimerHandle, Timers } from './core/clock.ts'
export {
  type ErrorClass,
  type ErrorCode,
  type ErrorEntry,
  errorCatalog,
} from './core/error-catalog.ts'
export { invariant, unreachable } from './core/invariant.ts'
export { type LogFields, type Logger, silentLogger } from './core/logger.ts'
export {
  type ApplicationId,
  type ClusterName,
  isApplicationId,
  isClusterName,
  isNodeId,
  isStreamName,
  type NodeId,
  parseApplicationId,
  parseClusterName,
  parseNodeId,
  parseStreamName,
  type StreamName,
} from './core/names.ts'
export { type ErrorDetail, isNodosumError, NodosumError } from './core/nodosum-error.ts'
export { type Random, seededRandom, WordRandom, type WordSource } from './core/random.ts'
export { Supervisor } from './core/supervisor.ts'
export { TokenBucket } from './core/token-bucket.ts'
export { utf8Decode, utf8Encode } from './core/utf8.ts'
export { varintLength, writeVarint } from './core/varint.ts'
