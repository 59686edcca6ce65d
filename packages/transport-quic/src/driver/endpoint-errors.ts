/** What an endpoint rejects dials with, in words that say what to do. */
import { NodosumError } from '@nodosum/kernel'
import type { HostPort } from '@nodosum/transport'
import { addressWords } from './address.ts'

export function shutDown(): NodosumError {
  return new NodosumError('ERR_NODOSUM_SHUT_DOWN', 'the QUIC transport is closed')
}

export function cancelled(remote: HostPort): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', `dialing ${addressWords(remote)} was cancelled`)
}

export function lostWhileDialing(remote: HostPort): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_CONNECTION_LOST',
    `${addressWords(remote)} closed the connection during the handshake`,
  )
}

/** Such as 999.1.1.1, which only looks like an address: the engine throws on it. */
export function undialable(remote: HostPort, cause: unknown): NodosumError {
  const message = `${addressWords(remote)} is no address that can be dialed`
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message, { cause })
}

/** Nobody would open what is sealed for somebody else. */
export function nobodyKnownAt(remote: HostPort): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_PEER_UNKNOWN',
    `no process of the cluster is known at ${addressWords(remote)}: handshakes are sealed for one`,
  )
}

export function tooManyConnections(connectionsMax: number): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_LIMIT_CONNECTIONS',
    `this node has ${connectionsMax} QUIC connections, its limit (connectionsMax): close some ` +
      'or raise the limit',
    { details: { connectionsMax } },
  )
}

export function alreadyListening(address: HostPort): NodosumError {
  const { host, port } = address
  const message = `QUIC already listens on ${host} port ${port}: close that listener first`
  return new NodosumError('ERR_NODOSUM_LISTEN_FAILED', message)
}
