export type { EncodedPayload } from './adapters/cbor-payload.ts'
export { payloadDepthMax, payloadItemsMax } from './adapters/plain-data.ts'
export { rendezvousOwner } from './core/rendezvous.ts'
export type { Target, TargetRule } from './core/target.ts'
export type {
  Application,
  BroadcastOptions,
  Lane,
  LaneOptions,
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
export { type MessagingOptions, messagingOptions } from './options.ts'
export type {
  Directory,
  IncomingLane,
  LaneClass,
  OutgoingLane,
  Session,
  Sessions,
} from './ports.ts'
