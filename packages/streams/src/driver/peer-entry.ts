import {
  type BootId,
  type NodeId,
  NodosumError,
  type Scheduler,
  type TimerHandle,
} from '@nodosum/kernel'
import type { Attachment } from '../core/attachment.ts'
import type { SessionRules } from '../core/rules.ts'
import type { Hello, Reject } from '../wire/hello.ts'
import { duplicateCode, type Offer, type Welcome } from './handshake.ts'
import type { Session } from './session.ts'

/** What a node knows of its conversation with one peer. */
export interface PeerEntry {
  session: Session | null
  /** The highest attachment number seen with this peer. */
  attachment: number
  bootId: BootId | null
  /** The process that the peer is now by hearsay; null once a HELLO has told. */
  rumouredBootId: BootId | null
  /** Since when membership takes the peer for failed. */
  failedMs: number | null
  dial: Promise<Session> | null
  dialAbort: AbortController | null
  /** The HELLO of a dial is out and names this attachment. */
  greeting: Attachment | null
  /** A HELLO from the peer is accepted and waits for its CONFIRM. */
  answering: boolean
  waiters: Set<(session: Session) => void>
  redial: TimerHandle | null
  /** Attempts since the session last had a connection that lasted. */
  redials: number
}

export function newPeerEntry(): PeerEntry {
  return {
    session: null,
    attachment: 0,
    bootId: null,
    rumouredBootId: null,
    failedMs: null,
    dial: null,
    dialAbort: null,
    greeting: null,
    answering: false,
    waiters: new Set(),
    redial: null,
    redials: 0,
  }
}

/** Nothing is going on with this peer. */
export function isAtRest({ session, dial, answering, waiters, redial }: PeerEntry): boolean {
  return !answering && session === null && dial === null && waiters.size === 0 && redial === null
}

/** The session unless the peer is said to be another process than the one it is with. */
export function currentSession({ session, rumouredBootId }: PeerEntry): Session | null {
  return rumouredBootId === null ? session : null
}

/** The session with a connection under it, if there is one. */
export function attachedSession(entry: PeerEntry): Session | null {
  const session = currentSession(entry)
  return session === null || session.carriage === null ? null : session
}

/**
 * Waits for the connection that the peer is opening.
 *
 * @throws `CONNECT_TIMEOUT`
 */
export function awaitSession(
  peer: NodeId,
  entry: PeerEntry,
  scheduler: Scheduler,
  timeoutMs: number,
): Promise<Session> {
  const present = attachedSession(entry)
  if (present !== null) return Promise.resolve(present)
  return new Promise((resolve, reject) => {
    const timer = scheduler.after(timeoutMs, () => {
      entry.waiters.delete(found)
      reject(new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', `no session from ${peer}`))
    })
    const found = (session: Session): void => {
      timer.cancel()
      entry.waiters.delete(found)
      resolve(session)
    }
    entry.waiters.add(found)
  })
}

/** What a dialer says in its HELLO: the session that there is, or a new one. */
export function offerTo(peer: NodeId, entry: PeerEntry, newId: () => string): Offer {
  const { session } = entry
  return {
    expected: peer,
    attachment: entry.attachment + 1,
    session: session?.id ?? newId(),
    resumes: session?.isConfirmed ?? false,
  }
}

/** What an acceptor says to a HELLO, given what it has and is dialing itself. */
export function verdictOn(
  hello: Hello,
  uri: string,
  entry: PeerEntry,
  rules: SessionRules,
  newId: () => string,
): Reject | Welcome {
  const candidate = { attachment: hello.attachment, dialer: hello.nodeId }
  const { session, greeting } = entry
  const known = session?.peerBootId === hello.bootId ? session : null
  const rivals: Attachment[] = known?.carriage == null ? [] : [known.carriage]
  const dialedBootId = entry.rumouredBootId ?? entry.bootId
  const isDialed = dialedBootId === null || dialedBootId === hello.bootId
  if (greeting !== null && isDialed) rivals.push(greeting)
  if (!rivals.every((rival) => rules.choose(rival, candidate) === 'new')) {
    const message = 'another connection of the same two nodes was kept'
    return { code: duplicateCode, message, attachment: entry.attachment }
  }
  // What this end has to say in a session that the peer has not heard of is not lost either.
  const goesOn = known?.id === hello.session || (known?.isConfirmed === false && !hello.resumes)
  if (known !== null && goesOn) {
    if (known.uri !== null && known.uri !== uri) {
      const message = `the session belongs to ${known.uri}`
      return { code: 'ERR_NODOSUM_IDENTITY_MISMATCH', message, attachment: entry.attachment }
    }
    return { session: known.id, resumes: known.isConfirmed }
  }
  // What only one end knows cannot go on.
  return { session: hello.resumes ? newId() : hello.session, resumes: false }
}
