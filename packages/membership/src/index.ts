export type { Effect, Formation, PacketAddress, PacketCounters } from './core/effects.ts'
export type {
  Incarnation,
  Member,
  MemberAddress,
  MemberChange,
  MemberChangeKind,
  MemberState,
} from './core/member.ts'
export { MembershipCore } from './core/membership-core.ts'
export { MembershipService, type MembershipServiceOptions } from './driver/membership-service.ts'
export { type MembershipOptions, membershipOptions } from './options.ts'
export type { Discovery, PacketPort, Seal } from './ports.ts'
