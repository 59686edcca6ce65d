export type { EncodedPayload } from './adapters/cbor-payload.ts'
export type { RequestBreakerSnapshot } from './adapters/request-breaker.ts'
export type { InputOf, OutputOf, Schema } from './adapters/standard-schema.ts'
export {
  type Contract,
  contract,
  type Definitions,
  type MessageMethod,
  type MethodOf,
  type RequestMethod,
  type StreamingMethod,
} from './contract/contract.ts'
export { ContractError } from './contract/contract-error.ts'
export {
  type Definition,
  type ErrorSchemas,
  type MessageDefinition,
  message,
  type RequestDefinition,
  request,
  type StreamingDefinition,
  streaming,
} from './contract/definitions.ts'
export {
  type HandlerOf,
  type HandlersOf,
  type Implementation,
  isImplementation,
} from './contract/implement.ts'
export type {
  TypedBroadcastOptions,
  TypedCalls,
  TypedRequestOptions,
  TypedSendOptions,
  TypedStreamOptions,
} from './contract/typed-calls.ts'
export type { ErrorBudgetSnapshot } from './core/error-budget.ts'
export type { MemorySnapshot } from './core/memory-budget.ts'
export { rendezvousOwner } from './core/rendezvous.ts'
export type { Canary, TagFilter, Target, TargetRule } from './core/target.ts'
export type { Application } from './driver/application.ts'
export type { ApplicationSnapshot, Undelivered } from './driver/application-snapshot.ts'
export type {
  BroadcastOptions,
  LaneOptions,
  Outcome,
  RequestOptions,
  SendOptions,
} from './driver/call-options.ts'
export type { MessageContext } from './driver/handler-context.ts'
export type { MessageHandler, RequestHandler } from './driver/handlers.ts'
export type { Lane } from './driver/lane.ts'
export { MessagingService } from './driver/messaging-service.ts'
export { type ApplicationOptions, type MessagingOptions, messagingOptions } from './options.ts'
export type {
  Directory,
  IncomingLane,
  LaneClass,
  OutgoingLane,
  Session,
  Sessions,
} from './ports.ts'
