export type { EncodedPayload } from './adapters/cbor-payload.ts'
export { payloadDepthMax, payloadItemsMax } from './adapters/plain-data.ts'
export type { RequestBreakerSnapshot } from './adapters/request-breaker.ts'
export type { ErrorBudgetSnapshot } from './core/error-budget.ts'
export type { MemorySnapshot } from './core/memory-budget.ts'
export { rendezvousOwner } from './core/rendezvous.ts'
export type { Canary, TagFilter, Target, TargetRule } from './core/target.ts'
export type {
  Application,
  BroadcastOptions,
  Lane,
  Outcome,
  RequestOptions,
  SendOptions,
} from './driver/application.ts'
export type { MessageContext, MessageHandler, RequestHandler } from './driver/handlers.ts'
export {
  type ApplicationSnapshot,
  MessagingService,
  type Undelivered,
} from './driver/messaging-service.ts'
export { type ApplicationOptions, type MessagingOptions, messagingOptions } from './options.ts'
export type { Directory, IncomingLane, OutgoingLane, Session, Sessions } from './ports.ts'
