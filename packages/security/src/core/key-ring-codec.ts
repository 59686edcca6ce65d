import { ByteReader, ByteWriter } from '@nodosum/kernel'
import {
  gossipKeysMax,
  type KeyEntry,
  type KeyRingState,
  removedKeysMax,
} from './key-ring-state.ts'

/** What travels of a ring: null as the choice when no change has made one yet. */
export interface SharedKeys {
  readonly entries: readonly KeyEntry<Uint8Array>[]
  readonly inUse: KeyRingState<Uint8Array>['inUse'] | null
}

const formatVersion = 1

/** Counting up to here takes longer than any cluster lives; beyond, somebody made it up. */
const versionMax = 2 ** 48
const idBytes = 4
const keyBytes = 32

/** Concurrent installs on both sides of a partition may add up to more than one ring takes. */
export const sharedKeysMax: number = 2 * gossipKeysMax
const entriesMax = sharedKeysMax + removedKeysMax

/**
 * Version (1 byte), number of entries (varint), for each its id (4 bytes), version (varint), whether
 * there is a key (1 byte) and the key (32 bytes); then whether one is in use (1 byte), its id and
 * the version of the choice. Equal states have equal bytes. Secret.
 */
export function encodeSharedKeys({ entries, inUse }: SharedKeys): Uint8Array {
  const writer = new ByteWriter({ initialBytes: 1_024 })
  writer.u8(formatVersion)
  writer.varint(entries.length)
  for (const { id, version, key } of entries) {
    writer.u32(Number.parseInt(id, 16))
    writer.varint(version)
    writer.u8(key === null ? 0 : 1)
    if (key !== null) writer.bytes(key)
  }
  writer.u8(inUse === null ? 0 : 1)
  if (inUse !== null) {
    writer.u32(Number.parseInt(inUse.id, 16))
    writer.varint(inUse.version)
  }
  return writer.finish()
}

/** Null for what is no such state, has too much in it, or uses a key that is not in it. */
export function decodeSharedKeys(bytes: Uint8Array): SharedKeys | null {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== formatVersion) return null
  const count = reader.varint()
  if (count > entriesMax) return null
  const entries = new Map<string, KeyEntry<Uint8Array>>()
  for (let at = 0; at < count && !reader.failed; at++) {
    const id = idOf(reader.u32())
    const version = reader.varint()
    const hasKey = reader.u8()
    const key = hasKey === 1 ? reader.copy(keyBytes) : null
    if (hasKey > 1 || version < 1 || version > versionMax || entries.has(id)) return null
    entries.set(id, { id, version, key })
  }
  const hasChoice = reader.u8()
  const inUse = hasChoice === 1 ? { id: idOf(reader.u32()), version: reader.varint() } : null
  if (reader.failed || hasChoice > 1 || reader.remaining > 0) return null
  const keys = [...entries.values()].filter(({ key }) => key !== null)
  if (keys.length > sharedKeysMax) return null
  return isUsable(inUse, keys) ? { entries: [...entries.values()], inUse } : null
}

function idOf(value: number): string {
  return value.toString(16).padStart(idBytes * 2, '0')
}

function isUsable(inUse: SharedKeys['inUse'], keys: readonly { readonly id: string }[]): boolean {
  if (inUse === null) return true
  return inUse.version > 0 && inUse.version <= versionMax && keys.some(({ id }) => id === inUse.id)
}
