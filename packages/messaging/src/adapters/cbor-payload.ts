import { NodosumError } from '@nodosum/kernel'
import { Decoder, Encoder } from 'cbor-x'
import { checkCbor, type PayloadLimits } from '../wire/cbor-structure.ts'
import { checkPlain } from './plain-data.ts'

/** How a payload travels: the application's own bytes, or CBOR. */
export interface EncodedPayload {
  readonly bytes: Uint8Array
  readonly cbor: boolean
}

const encoder = new Encoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false })
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true })

/** Turns payloads into bytes and back, within the limits of one node. */
export class PayloadCodec {
  readonly #limits: PayloadLimits

  constructor(limits: PayloadLimits) {
    this.#limits = limits
  }

  /**
   * Bytes pass untouched; anything else becomes CBOR.
   *
   * @param root what messages call the value: `payload`, or `reply`
   * @throws `PAYLOAD_INVALID` for what would not arrive as it is: anything but plain objects,
   *   arrays, strings, numbers, booleans, null, undefined, big integers, dates and bytes; cycles,
   *   and what exceeds the limits on levels and values; the message has the path inside the payload.
   *   `MESSAGE_TOO_LARGE` when its texts and bytes alone are more than a message may have.
   */
  encode(payload: unknown, root = 'payload'): EncodedPayload {
    if (payload instanceof Uint8Array) return { bytes: payload, cbor: false }
    checkPlain(payload, root, this.#limits)
    try {
      return { bytes: encoder.encode(payload), cbor: true }
    } catch (cause) {
      // For example a getter that worked while the payload was checked.
      const message = `${root} could not be encoded: send plain data`
      throw new NodosumError('ERR_NODOSUM_PAYLOAD_INVALID', message, { cause })
    }
  }

  /** @throws `PAYLOAD_INVALID` for bytes that are not CBOR or exceed the limits. */
  decode(bytes: Uint8Array, cbor: boolean): unknown {
    if (!cbor) return bytes
    checkCbor(bytes, this.#limits)
    try {
      return decoder.decode(bytes)
    } catch (cause) {
      throw new NodosumError('ERR_NODOSUM_PAYLOAD_INVALID', 'the payload is not CBOR', { cause })
    }
  }
}
