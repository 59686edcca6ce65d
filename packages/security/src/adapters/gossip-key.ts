import { createHash, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { NodosumError } from '@nodosum/kernel'

/** A parsed gossip key; printing or serialising it does not show the secret. */
export interface GossipKey {
  /** First 4 bytes of the SHA-256 of the key, 8 hexadecimal characters; not secret. */
  readonly id: string
  readonly secret: KeyObject
}

const prefix = 'ngk1_'
const keyBytes = 32
const bodyLength = 43

/** A new gossip key: 256 random bits as `ngk1_` and 43 characters. Secret: all nodes share it. */
export function generateGossipKey(): string {
  return prefix + randomBytes(keyBytes).toString('base64url')
}

/**
 * Parses a gossip key; space around it (the line break of a file) is ignored.
 *
 * @param where what to name in the message, for example `gossipKeys[0]`
 * @throws ERR_NODOSUM_CONFIG_INVALID saying what is wrong, without the text, which may be a secret
 */
export function parseGossipKey(text: string, where: string): GossipKey {
  const key = text.trim()
  if (!key.startsWith(prefix)) throw invalid(where, `does not begin with "${prefix}"`)
  const body = key.slice(prefix.length)
  if (body.length !== bodyLength) {
    throw invalid(where, `has ${body.length} characters after "${prefix}" instead of ${bodyLength}`)
  }
  const bytes = Buffer.from(body, 'base64url')
  // Also refuses characters that the decoder skips, and unused bits at the end.
  if (bytes.toString('base64url') !== body) {
    throw invalid(where, 'has characters that such a key cannot have, or its end was changed')
  }
  return gossipKeyOf(bytes)
}

/** The key of these 32 bytes, which are zeros afterwards. */
export function gossipKeyOf(bytes: Uint8Array): GossipKey {
  const id = createHash('sha256').update(bytes).digest().toString('hex', 0, 4)
  const secret = createSecretKey(bytes)
  bytes.fill(0)
  return { id, secret }
}

function invalid(where: string, problem: string): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `${where} is no gossip key: it ${problem}. ` +
      'Copy the key whole, or make one with generateGossipKey() and give it to every node.',
    { details: { where } },
  )
}
