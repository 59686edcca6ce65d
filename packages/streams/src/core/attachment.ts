import type { NodeId } from '@nodosum/kernel'

/** One connection that asks to carry, or carries, the conversation with a peer. */
export interface Attachment {
  readonly attachment: number
  readonly dialer: NodeId
}

/**
 * Decides between two connections of the same two processes: the higher attachment number wins;
 * for equal numbers, which two nodes produce that dial each other at once, the one dialed by the
 * lower node id. Both ends compute it from the same values, so they agree without a further
 * message.
 *
 * A node raises the number when it dials again after it lost a connection, which is how the other
 * end learns that the connection it still holds is dead.
 */
export function chooseAttachment(current: Attachment, candidate: Attachment): 'current' | 'new' {
  if (candidate.attachment !== current.attachment) {
    return candidate.attachment > current.attachment ? 'new' : 'current'
  }
  return candidate.dialer < current.dialer ? 'new' : 'current'
}
