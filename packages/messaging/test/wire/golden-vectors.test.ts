import { ByteReader, utf8Encode } from '@nodosum/kernel'
import { expect, it } from 'vitest'
import { encodeHeaders } from '../../src/wire/envelope.ts'
import { decodeFailure, encodeFailure } from '../../src/wire/message-frames.ts'
import { TestCluster, until } from '../cluster.ts'
import { shop, shopHandlers } from '../contract/shop.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const failure = {
  code: '',
  name: 'ContractError',
  message: 'no',
  remoteCode: 'CLOSED',
  retryable: false,
  retryAfterMs: 0,
}
const subject = { stream: 3, sequence: 300 }

// Written down once: a change here is a change of the protocol, which needs a version or a feature.
it.each<[string, Uint8Array | null, string]>([
  ['headers with a key', encodeHeaders({ key: 'tea' }), '050103746561'],
  ['headers with a method', encodeHeaders({ method: 'reserve' }), '09020772657365727665'],
  [
    'headers with both',
    encodeHeaders({ key: 'tea', method: 'reserve' }),
    '0e0103746561020772657365727665',
  ],
  [
    'a failure',
    encodeFailure(subject, failure),
    '03ac02000d436f6e74726163744572726f72026e6f06434c4f5345440000',
  ],
  [
    'a failure with data',
    encodeFailure(subject, { ...failure, data: { bytes: Uint8Array.of(0xf6), cbor: true } }),
    '03ac02000d436f6e74726163744572726f72026e6f06434c4f5345440600f6',
  ],
  [
    'a failure that may be tried again',
    encodeFailure(subject, { ...failure, retryable: true, retryAfterMs: 300 }),
    '03ac02000d436f6e74726163744572726f72026e6f06434c4f53454401ac02',
  ],
  [
    'headers with an attempt, a header of the application and a group',
    encodeHeaders({
      key: 'tea',
      attempt: 2,
      redelivered: true,
      headers: { a: 'b' },
      group: { match: { zone: 'x' }, except: null },
    }),
    '1a01037465610a0901047a6f6e6501780008020201090401610162',
  ],
])('%s', (_name, bytes, vector) => {
  expect(hex(bytes ?? new Uint8Array())).toBe(vector)
})

it('the data of a failure is read, and its absence', () => {
  const data = { bytes: utf8Encode('input.sku: no text'), cbor: false }
  for (const each of [{ ...failure, data }, failure]) {
    const reader = new ByteReader(encodeFailure(subject, each))
    reader.varint()
    reader.varint()
    expect(decodeFailure(reader)).toEqual({ data: undefined, ...each })
  }
})

it('a stream', async () => {
  const cluster = new TestCluster()
  const options = { streamWindowItems: 2, streamWindowBytes: 1_024 }
  const [a, b] = [cluster.node('a', options), cluster.node('b', options)]
  b.service.implement(shop.implement(shopHandlers()))
  const stream = a.service.calls.stream(shop.count, { from: 1, to: 9 }, { to: 'b' })
  await stream.next()
  const frames: string[] = []
  for (const [at, session] of [
    ['a', cluster.end(a, b)],
    ['b', cluster.end(b, a)],
  ] as const) {
    const receiver = session.incoming[0]?.receiver
    if (!receiver) throw new Error('no lane of streams')
    const { frame } = receiver
    receiver.frame = (type, sequence, bytes, start, end) => {
      frames.push(`${at} ${type.toString(16)} ${hex(bytes.subarray(start, end))}`)
      frame(type, sequence, bytes, start, end)
    }
  }
  await stream.next()
  await until(() => frames.length >= 3)
  await stream.return?.()
  await until(() => frames.at(-1)?.startsWith('b 9c') === true)
  // MORE for call 2: four items and 1,026 bytes; an item with the number 3; STOP.
  expect(frames).toContain('b 9b 02048208')
  expect(frames).toContain('a 99 020103')
  expect(frames.at(-1)).toBe('b 9c 02')
})
