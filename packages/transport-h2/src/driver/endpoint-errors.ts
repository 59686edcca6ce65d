/** What an endpoint rejects calls with, in words that say what to do. */
import { NodosumError } from '@nodosum/kernel'
import type { HostPort } from '@nodosum/transport'
import { addressWords } from '../core/address.ts'

export function shutDown(): NodosumError {
  return new NodosumError('ERR_NODOSUM_SHUT_DOWN', 'the HTTP/2 transport is closed')
}

export function cancelled(remote: HostPort): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', `dialing ${addressWords(remote)} was cancelled`)
}

/** Such as a v6 address without a zone: the system refuses it at once. */
export function undialable(remote: HostPort, cause: unknown): NodosumError {
  const message = `${addressWords(remote)} is no address that can be dialed`
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message, { cause })
}

export function tooManyConnections(connectionsMax: number): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_LIMIT_CONNECTIONS',
    `this node has ${connectionsMax} HTTP/2 connections, its limit (connectionsMax): close some ` +
      'or raise the limit',
    { details: { connectionsMax } },
  )
}

export function alreadyListening({ host, port }: HostPort): NodosumError {
  const message = `HTTP/2 already listens on ${host} port ${port}: close that listener first`
  return new NodosumError('ERR_NODOSUM_LISTEN_FAILED', message)
}
