import { NodosumError } from '@nodosum/kernel'

export function shutDown(): NodosumError {
  return new NodosumError('ERR_NODOSUM_SHUT_DOWN', 'this node is closed')
}

export function tooManySessions(sessionsMax: number): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_LIMIT_CONNECTIONS',
    `this node has ${sessionsMax} sessions, as many as it may (sessionsMax)`,
  )
}
