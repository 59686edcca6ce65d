export { type ErrorCode, isNodosumError, type Logger, NodosumError } from '@nodosum/kernel'
export { generateGossipKey } from '@nodosum/security'
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
  MessageContext,
  Metrics,
  Node,
  Outcome,
  Payload,
  RequestOptions,
  SendOptions,
  Target,
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
export type {
  GossipKeyInfo,
  GossipKeyOptions,
  GossipKeyStep,
  GossipKeys,
} from './gossip-keys-api.ts'
export {
  type IdentityOptions,
  type NodeOptions,
  nodeOptions,
} from './node-options.ts'
export { anyNode, nearest, ownerOf } from './targets.ts'
