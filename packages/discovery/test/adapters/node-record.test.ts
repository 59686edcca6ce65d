import { newBootId, parseNodeId, seededRandom } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type NodeRecord,
  parseRecord,
  recordBytesMax,
  recordText,
} from '../../src/adapters/node-record.ts'

const record: NodeRecord = {
  nodeId: parseNodeId('shop-1'),
  bootId: newBootId(seededRandom('node record')),
  address: { host: '127.0.0.1', port: 6_969 },
  pid: 42,
  machine: 'here',
}
const json = JSON.parse(recordText(record)) as Record<string, unknown>

describe('a record', () => {
  it('parses back to what was written, without anything more', () => {
    expect(parseRecord(recordText(record))).toEqual(record)
    const more = { ...json, address: { ...record.address, more: 1 }, more: 1 }
    expect(parseRecord(JSON.stringify(more))).toEqual(record)
  })

  it('fits its file with the longest names', () => {
    const longest = { ...record, nodeId: parseNodeId('x'.repeat(64)), machine: 'm'.repeat(255) }
    expect(recordText(longest).length).toBeLessThan(recordBytesMax)
  })

  it.each([
    ['of another version', { version: 2 }],
    ['without a version', { version: undefined }],
    ['with a path as node id', { nodeId: '../x' }],
    ['without a boot id', { bootId: undefined }],
    ['with half a boot id', { bootId: 'abcd' }],
    ['without an address', { address: null }],
    ['with a name as address', { address: { host: 'localhost', port: 1 } }],
    ['with an address to listen on', { address: { host: '::', port: 1 } }],
    ['with port 0', { address: { host: '127.0.0.1', port: 0 } }],
    ['without a process', { pid: undefined }],
    ['of a group of processes', { pid: -1 }],
    ['of process 0', { pid: 0 }],
    ['of half a process', { pid: 1.5 }],
    ['without a machine', { machine: 7 }],
  ])('%s is none', (_, change) => {
    expect(parseRecord(JSON.stringify({ ...json, ...change }))).toBeUndefined()
  })

  it('never makes the parser throw, and never comes out half', () => {
    const value = fc.oneof(fc.anything(), fc.constantFrom(...Object.values(json)))
    const changed = fc.dictionary(fc.constantFrom(...Object.keys(json)), value)
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      changed.map((change) => JSON.stringify({ ...json, ...change }, (_, one) => printable(one))),
      fc.nat(recordText(record).length).map((length) => recordText(record).slice(0, length)),
    )
    fc.assert(
      fc.property(text, (given) => {
        const found = parseRecord(given)
        if (found === undefined) return
        expect(Object.keys(found).toSorted()).toEqual(Object.keys(record).toSorted())
        expect(parseRecord(recordText(found))).toEqual(found)
      }),
      { numRuns: 500 },
    )
  })
})

function printable(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
