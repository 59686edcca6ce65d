/** What the core has done and dropped since its start. */
export interface MembershipCounters {
  /** Packets that no decoder takes. */
  malformed: number
  /** Packets of a version that is not spoken. */
  version: number
  otherCluster: number
  /** This node's own packets that came back. */
  fromSelf: number
  /** Statements with an incarnation that no node gets to. */
  implausible: number
  /** Records that the admission refuses. */
  notAdmitted: number
  /** Records for which there is no room. */
  noRoom: number
  probes: number
  probesFailed: number
  /** Accusations that were not made because a connection was alive. */
  vetoes: number
  suspicions: number
  confirmations: number
  /** Accusations of this node that it denied. */
  refutations: number
  failures: number
  /** Anti-entropy rounds that found a difference. */
  syncs: number
  syncsRefused: number
  /** Members that were learned of by anti-entropy. */
  repaired: number
  eventsSent: number
  eventsReceived: number
  packetsSent: number
  bytesSent: number
  packetsReceived: number
  bytesReceived: number
  /** Round trips and places that cannot be. */
  poison: number
  stalls: number
}

export function newCounters(): MembershipCounters {
  return {
    malformed: 0,
    version: 0,
    otherCluster: 0,
    fromSelf: 0,
    implausible: 0,
    notAdmitted: 0,
    noRoom: 0,
    probes: 0,
    probesFailed: 0,
    vetoes: 0,
    suspicions: 0,
    confirmations: 0,
    refutations: 0,
    failures: 0,
    syncs: 0,
    syncsRefused: 0,
    repaired: 0,
    eventsSent: 0,
    eventsReceived: 0,
    packetsSent: 0,
    bytesSent: 0,
    packetsReceived: 0,
    bytesReceived: 0,
    poison: 0,
    stalls: 0,
  }
}
