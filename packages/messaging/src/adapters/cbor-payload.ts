import { NodosumError } from '@nodosum/kernel'
import { Decoder, Encoder } from 'cbor-x'
import { checkPlain, forbiddenKeys, payloadDepthMax, payloadItemsMax } from './plain-data.ts'

/** How a payload travels: the application's own bytes, or CBOR. */
export interface EncodedPayload {
  readonly bytes: Uint8Array
  readonly cbor: boolean
}

const encoder = new Encoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false })
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true })

/**
 * Bytes pass untouched; anything else becomes CBOR.
 *
 * @param root what messages call the value: `payload`, or `reply`
 * @throws `PAYLOAD_INVALID` for what would not arrive as it is: anything but plain objects, arrays,
 *   strings, numbers, booleans, null, undefined, big integers, dates and bytes; cycles, nesting
 *   beyond 16, more than 10,000 values. The message has the path inside the payload.
 */
export function encodePayload(payload: unknown, root = 'payload'): EncodedPayload {
  if (payload instanceof Uint8Array) return { bytes: payload, cbor: false }
  checkPlain(payload, root)
  try {
    return { bytes: encoder.encode(payload), cbor: true }
  } catch (cause) {
    // For example a getter that worked while the payload was checked.
    const message = `${root} could not be encoded: send plain data`
    throw new NodosumError('ERR_NODOSUM_PAYLOAD_INVALID', message, { cause })
  }
}

/** @throws `PAYLOAD_INVALID` for bytes that are not CBOR or exceed the limits. */
export function decodePayload(bytes: Uint8Array, cbor: boolean): unknown {
  if (!cbor) return bytes
  checkCbor(bytes)
  let value: unknown
  try {
    value = decoder.decode(bytes)
  } catch (cause) {
    throw new NodosumError('ERR_NODOSUM_PAYLOAD_INVALID', 'the payload is not CBOR', { cause })
  }
  return value
}

function invalid(message: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_PAYLOAD_INVALID', message)
}

/**
 * Reads the structure of CBOR (RFC 8949) without building anything, so that a payload that would
 * nest too deep, hold too much, use tags other than dates and big integers, or set a prototype is
 * refused before the decoder sees it.
 */
function checkCbor(bytes: Uint8Array): void {
  let at = 0
  let items = 0
  const argument = (info: number): number => {
    if (info < 24) return info
    const size = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : 0
    if (size === 0 || at + size > bytes.length) throw invalid('the payload is not CBOR')
    let value = 0
    for (let index = 0; index < size; index++) value = value * 256 + (bytes[at++] as number)
    return value
  }
  const item = (depth: number, isKey: boolean): void => {
    if (++items > payloadItemsMax * 2) throw invalid('the payload holds too many values')
    if (depth > payloadDepthMax) throw invalid('the payload is nested too deep')
    if (at >= bytes.length) throw invalid('the payload ends early')
    const head = bytes[at++] as number
    const major = head >> 5
    if (isKey && major !== 3 && major !== 0 && major !== 1) {
      throw invalid('the payload has a key that is neither text nor an integer')
    }
    const value = argument(head & 31)
    switch (major) {
      case 2:
      case 3:
        if (value > bytes.length - at) throw invalid('the payload ends early')
        if (isKey && value >= 9 && value <= 11 && forbiddenKeys.has(latin(bytes, at, value))) {
          throw invalid('the payload has a key that is refused')
        }
        at += value
        return
      case 4:
        if (value > bytes.length - at) throw invalid('the payload ends early')
        for (let index = 0; index < value; index++) item(depth + 1, false)
        return
      case 5:
        if (value * 2 > bytes.length - at) throw invalid('the payload ends early')
        for (let index = 0; index < value; index++) {
          item(depth + 1, true)
          item(depth + 1, false)
        }
        return
      case 6:
        // Dates (0, 1), big integers (2, 3), typed arrays as cbor-x writes them are not needed.
        if (value > 3) throw invalid(`the payload uses CBOR tag ${value}`)
        // What is tagged is one value and no level of its own; so it holds no levels either.
        if ([4, 5, 6].includes((bytes[at] ?? 0) >> 5)) throw invalid('the payload is not CBOR')
        item(depth, false)
        return
      default:
        return
    }
  }
  item(0, false)
  if (at !== bytes.length) throw invalid('something follows the payload')
}

function latin(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length))
}
