import { invariant } from '@nodosum/kernel'

/** Codes of the transport itself, as those of the QUIC transport. */
export const bufferOverflowCode = 0x4e6f_0001
export const streamRefusedCode = 0x4e6f_0002
export const callbackFailedCode = 0x4e6f_0003
export const violationCode = 0x4e6f_0006

const codeMax = 0xffff_ffff
const closeReasonBytesMax = 128

/** Throws for a code that is no integer from 0 to 2^32-1. */
export function checkCode(code: number): void {
  const isCode = Number.isInteger(code) && code >= 0 && code <= codeMax
  invariant(isCode, 'the code of reset() and close() must be an integer from 0 to 2^32-1')
}

/** At most 128 bytes of UTF-8, cut between two characters. */
export function cutReason(text: string): string {
  let cut = ''
  let bytes = 0
  for (const letter of text) {
    const point = letter.codePointAt(0) as number
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4
    if (bytes > closeReasonBytesMax) break
    cut += letter
  }
  return cut
}
