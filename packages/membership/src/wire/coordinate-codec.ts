import type { ByteReader, ByteWriter } from '@nodosum/kernel'
import type { Coordinate } from './packet.ts'

/** Vivaldi's space has so many dimensions, as in Serf. */
export const coordinateDimensions = 8

/** Hundredths of a millisecond. */
const unitsPerMs = 100
/** No node is 10 s away: what claims to be is poison. */
const unitsMax = 10_000 * unitsPerMs
const errorUnits = 1_000

/** Signed numbers as varints of one byte near zero, so a LAN's coordinate takes about 12 bytes. */
export function writeCoordinate(writer: ByteWriter, coordinate: Coordinate | null): void {
  if (coordinate === null) return writer.u8(0)
  writer.u8(coordinateDimensions)
  for (const value of coordinate.position) writer.varint(zigzag(toUnits(value)))
  writer.varint(Math.max(0, toUnits(coordinate.height)))
  writer.varint(Math.round(coordinate.error * errorUnits))
}

/** Undefined when it is malformed or farther away than anything on this planet. */
export function readCoordinate(reader: ByteReader): Coordinate | null | undefined {
  const dimensions = reader.u8()
  if (dimensions === 0) return null
  if (dimensions !== coordinateDimensions) return undefined
  const position: number[] = []
  for (let at = 0; at < dimensions; at += 1) {
    const value = reader.varint()
    if (value > 2 * unitsMax) return undefined
    position.push(unzigzag(value) / unitsPerMs)
  }
  const height = reader.varint()
  const error = reader.varint()
  if (height > unitsMax || error > 10 * errorUnits) return undefined
  return { position, height: height / unitsPerMs, error: error / errorUnits }
}

function toUnits(ms: number): number {
  return Math.max(-unitsMax, Math.min(unitsMax, Math.round(ms * unitsPerMs)))
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}
