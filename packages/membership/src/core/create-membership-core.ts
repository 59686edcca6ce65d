import { MembershipCore, type MembershipCoreOptions } from './membership-core.ts'

/** A core on its own, for those who bring their own time and packets. */
export function createMembershipCore(options: MembershipCoreOptions): MembershipCore {
  return new MembershipCore(options)
}
