import type { LaneSnapshot, TrafficTotals } from '../core/lane-record.ts'
import type { SessionCore } from '../core/session-core.ts'
import type { Session } from './session.ts'

/** One session as it stands now. */
export interface SessionSnapshot {
  readonly peer: string
  readonly peerBootId: string
  readonly id: string
  /** Whether a connection carries it now. */
  readonly isConnected: boolean
  /** Messages and bytes of all its streams from the start, the control stream included. */
  readonly traffic: TrafficTotals
  /** Bytes that the peer has not acknowledged. */
  readonly bufferedBytes: number
  /** Bytes that arrived and were not handed on. */
  readonly heldBytes: number
  /** Lanes that there are, in both directions. */
  readonly lanesOpen: number
  /** Lanes that this end has closed because nobody used them. */
  readonly lanesClosedIdle: number
  /** Lanes of the peer that this end did not take, or no longer. */
  readonly lanesRefused: number
  /** Lanes of this end that the peer did not take. */
  readonly lanesRefusedByPeer: number
  /** Lanes that nobody owned any more. */
  readonly lanesReaped: number
  /** The lanes that there are and the last ones that there were, as many as were asked for. */
  readonly lanes: readonly LaneSnapshot[]
}

export function sessionSnapshot(
  session: Session,
  core: SessionCore,
  nowMs: number,
  lanesMax: number,
): SessionSnapshot {
  const { lifecycle } = core
  const { closedIdle, refusedLanes, refusedByPeer, reaped } = lifecycle.totals
  return {
    peer: session.peer,
    peerBootId: session.peerBootId,
    id: session.id,
    isConnected: session.carriage !== null,
    traffic: lifecycle.totals.traffic(core.streams()),
    bufferedBytes: core.bufferedBytes,
    heldBytes: core.heldBytes,
    lanesOpen: core.lanes,
    lanesClosedIdle: closedIdle,
    lanesRefused: refusedLanes,
    lanesRefusedByPeer: refusedByPeer,
    lanesReaped: reaped,
    lanes: lifecycle.snapshots(nowMs, lanesMax),
  }
}
