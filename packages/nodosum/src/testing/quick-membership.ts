import type { MembershipOptions } from '@nodosum/membership'

/**
 * Membership for tests in real time: a killed node is known to be dead after about two seconds.
 * All nodes share one event loop, so what holds up one holds up all; the times leave room for that.
 */
export const quickMembership: Partial<MembershipOptions> = {
  probePeriodMs: 200,
  probeTimeoutMs: 100,
  watchPeriodMs: 400,
  suspicionMinMs: 800,
  suspicionMaxMultiple: 2,
  gossipPeriodMs: 20,
  syncPeriodMs: 1_000,
  syncQuietMs: 50,
  reconnectPeriodMs: 500,
  viewQuietMs: 50,
  viewDelayMaxMs: 200,
  joinRetryMs: 100,
  quarantineMs: 0,
}
