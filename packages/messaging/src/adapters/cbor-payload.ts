import { NodosumError } from '@nodosum/kernel'
import { Decoder, Encoder } from 'cbor-x'

/** How a payload travels: the application's own bytes, or CBOR. */
export interface EncodedPayload {
  readonly bytes: Uint8Array
  readonly cbor: boolean
}

const encoder = new Encoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false })
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true })

/** Nested deeper than this is refused on both sides. */
export const payloadDepthMax = 16

/** More values than this in one payload are refused on both sides. */
export const payloadItemsMax = 10_000

const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Bytes pass untouched; anything else becomes CBOR.
 *
 * @throws `PAYLOAD_INVALID` for what has no plain form: functions, symbols, class instances with
 *   methods, cycles, nesting beyond 16, more than 10,000 values.
 */
export function encodePayload(payload: unknown): EncodedPayload {
  if (payload instanceof Uint8Array) return { bytes: payload, cbor: false }
  checkPlain(payload, 'payload')
  return { bytes: encoder.encode(payload), cbor: true }
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

/** Walks the value before encoding: cbor-x would write what cannot be read back. */
function checkPlain(value: unknown, path: string): void {
  let items = 0
  const walk = (current: unknown, at: string, depth: number): void => {
    if (++items > payloadItemsMax) throw invalid(`${path} has over ${payloadItemsMax} values`)
    switch (typeof current) {
      case 'function':
      case 'symbol':
        throw invalid(`${at} is a ${typeof current}; send plain data`)
      case 'object':
        break
      default:
        return
    }
    if (current === null || current instanceof Uint8Array || current instanceof Date) return
    if (depth >= payloadDepthMax) throw invalid(`${at} is nested deeper than ${payloadDepthMax}`)
    if (Array.isArray(current)) {
      for (let index = 0; index < current.length; index++) {
        walk(current[index], `${at}[${index}]`, depth + 1)
      }
      return
    }
    if (current instanceof Map || current instanceof Set) {
      throw invalid(`${at} is a ${current.constructor.name}; send an object or an array`)
    }
    for (const key of Object.keys(current)) {
      if (forbiddenKeys.has(key)) throw invalid(`${at} has the key ${key}, which is refused`)
      walk((current as Record<string, unknown>)[key], `${at}.${key}`, depth + 1)
    }
  }
  walk(value, path, 0)
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
        item(depth + 1, false)
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
