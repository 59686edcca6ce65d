/**
 * Nodes talk to each other about the cluster itself over the same sessions as modules do, as
 * applications whose names are kept for that. Only `node.streams()` shows their lanes, and nobody else
 * may use them.
 */
const prefix = 'nodosum.'

/** Hands on gossip keys. */
export const keysApplication = 'nodosum.keys'

/** Carries packets of membership where UDP does not pass. */
export const gossipApplication = 'nodosum.gossip'

export function isInternal(application: string): boolean {
  return application.startsWith(prefix)
}
