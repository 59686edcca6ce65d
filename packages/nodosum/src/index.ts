export { type ErrorCode, isNodosumError, type Logger, NodosumError } from '@nodosum/kernel'
export {
  type Contract,
  ContractError,
  contract,
  type HandlersOf,
  type Implementation,
  type MessageDefinition,
  type MessageMethod,
  message,
  type RequestDefinition,
  type RequestMethod,
  request,
  type Schema,
  type StreamingDefinition,
  type StreamingMethod,
  streaming,
  type TypedBroadcastOptions,
  type TypedCalls,
  type TypedRequestOptions,
  type TypedSendOptions,
  type TypedStreamOptions,
} from '@nodosum/messaging'
export { generateGossipKey } from '@nodosum/security'
export type { Admit } from './admission.ts'
export type {
  Application,
  ApplicationMetrics,
  BroadcastOptions,
  BudgetMetrics,
  CloseReason,
  DrainReport,
  GossipMetrics,
  Health,
  HealthCheck,
  Lane,
  LaneClass,
  LaneOptions,
  Member,
  MemberChange,
  MembershipMetrics,
  MessageContext,
  Metrics,
  Node,
  Outcome,
  Payload,
  RequestOptions,
  SendOptions,
  Streams,
  Target,
  TargetOptions,
  TargetRule,
  Undelivered,
} from './api.ts'
export { closeOnSignals } from './close-on-signals.ts'
export { createNode } from './create-node.ts'
export type {
  ConsulSource,
  DiscoverySources,
  DnsSource,
  FindSeeds,
  KubernetesSource,
} from './discovery-options.ts'
export type { Environment } from './environment.ts'
export type {
  GossipKeyInfo,
  GossipKeyOptions,
  GossipKeyStep,
  GossipKeys,
} from './gossip-keys-api.ts'
export {
  type IdentityOptions,
  type LogLevel,
  type NodeOptions,
  nodeOptions,
} from './node-options.ts'
export { anyNode, nearest, ownerOf } from './targets.ts'
