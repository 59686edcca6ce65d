/**
 * What a seal holds that is no QUIC datagram: one byte that says what, then the rest. A QUIC datagram
 * in a seal begins with a long header, so its first byte is 0x80 or more.
 */
import { connectionIdBytes } from './long-header.ts'

/** "I do not know the connection of which this id is mine": 21 bytes. */
const forgotten = 0x01

/** @param id the destination id of the packet that nobody here knows, 20 bytes */
export function writeForgotten(id: Uint8Array): Uint8Array {
  const word = new Uint8Array(1 + connectionIdBytes)
  word[0] = forgotten
  word.set(id, 1)
  return word
}

/** The id; undefined when it is another word. */
export function readForgotten(word: Uint8Array): Uint8Array | undefined {
  if (word[0] !== forgotten || word.length !== 1 + connectionIdBytes) return undefined
  return word.subarray(1)
}
