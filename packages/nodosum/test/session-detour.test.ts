import { parseNodeId } from '@nodosum/kernel'
import { simulatedScheduler } from '@nodosum/testkit'
import { expect, it } from 'vitest'
import { SessionDetour, type SessionDetourParts } from '../src/session-detour.ts'

const peer = parseNodeId('b')

/** A detour over one session, as it stands. */
function detourOver(session: { kind: string; isUnanswered: boolean } | null) {
  const sent: string[] = []
  const parts: unknown = {
    sessions: {
      get: () =>
        session && {
          carriage: { connection: { kind: session.kind } },
          isUnanswered: () => session.isUnanswered,
        },
    },
    messaging: {
      application: () => ({
        onMessage: () => undefined,
        trySend: (to: string) => {
          sent.push(to)
          return 'accepted'
        },
      }),
    },
    vouch: () => () => undefined,
    scheduler: simulatedScheduler(),
  }
  return { detour: new SessionDetour(parts as SessionDetourParts), sent }
}

it.each([
  ['carries packets over TCP', { kind: 'h2', isUnanswered: false }, true],
  ['carries none over QUIC, which is UDP as well', { kind: 'quic', isUnanswered: false }, false],
  ['carries none that would arrive late', { kind: 'h2', isUnanswered: true }, false],
  ['carries none without a session', null, false],
])('a detour %s', (_what, session, isSent) => {
  const { detour, sent } = detourOver(session)
  expect(detour.send(Uint8Array.of(1), peer)).toBe(isSent)
  expect(sent).toEqual(isSent ? ['b'] : [])
})
