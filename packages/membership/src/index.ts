export { eventLoopDelay } from './adapters/event-loop-delay.ts'
export { snapshotFile } from './adapters/snapshot-file.ts'
export type { MembershipCounters } from './core/counters.ts'
export { createMembershipCore } from './core/create-membership-core.ts'
export type {
  Admission,
  Effect,
  Formation,
  MembershipSnapshot,
  MembershipView,
  PacketAddress,
  Refusal,
} from './core/effects.ts'
export type {
  Incarnation,
  Member,
  MemberAddress,
  MemberChange,
  MemberChangeKind,
  MemberState,
} from './core/member.ts'
export type { MembershipCore, MembershipCoreOptions } from './core/membership-core.ts'
export type { UserEvent } from './core/user-events.ts'
export { MembershipService, type MembershipServiceOptions } from './driver/membership-service.ts'
export { type MembershipOptions, membershipOptions } from './options.ts'
export type {
  Detour,
  Discovery,
  LoadedSnapshot,
  LoopDelay,
  PacketPort,
  Seal,
  SnapshotStore,
} from './ports.ts'
