import { type NodeId, NodosumError } from '@nodosum/kernel'
import type { KeptOut, Refusal } from '../core/effects.ts'

const codes = {
  version: 'ERR_NODOSUM_VERSION_INCOMPATIBLE',
  admission: 'ERR_NODOSUM_JOIN_REFUSED',
  quarantine: 'ERR_NODOSUM_PEER_QUARANTINED',
} as const

/** Why there is no connection with a node, as both ends get to hear it. */
export function keptOutError(nodeId: NodeId, { code, reason }: KeptOut): NodosumError {
  const what = code === 'quarantine' ? 'is held back' : 'is not admitted'
  return new NodosumError(codes[code], `${nodeId} ${what}: ${reason}`, { details: { nodeId } })
}

/** What a node hears that a member does not take in, and that speaks for a cluster. */
export function joinRefused({ code, reason, from }: Refusal): NodosumError {
  const message = `${from} does not take this node in: ${reason}`
  return new NodosumError(codes[code === 'version' ? 'version' : 'admission'], message, {
    details: { from, reason },
  })
}
