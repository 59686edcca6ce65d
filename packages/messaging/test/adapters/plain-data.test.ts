import { createContext, runInContext } from 'node:vm'
import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { PayloadCodec } from '../../src/adapters/cbor-payload.ts'
import { messagingOptions } from '../../src/index.ts'

const { payloadDepthMax, payloadItemsMax } = messagingOptions.defaults()
const codec = new PayloadCodec({
  depthMax: payloadDepthMax,
  itemsMax: payloadItemsMax,
  bytesMax: 1_048_576,
})

/** What the sender is told; `sent` for what it takes. */
function problemOf(payload: unknown): string {
  try {
    codec.encode(payload)
    return 'sent'
  } catch (error) {
    return isNodosumError(error, 'ERR_NODOSUM_PAYLOAD_INVALID') ? error.message : `raw: ${error}`
  }
}

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)]
}

class Later extends Promise<number> {}

class Order {
  sku = 'tea'
}

class Money {
  toJSON(): string {
    return '3 EUR'
  }
}

const loop: Record<string, unknown> = { name: 'a' }
loop.child = { parent: loop }
const ring: unknown[] = []
ring.push([ring])

const loopless = { a: [1] }

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const foreign = (code: string): unknown => runInContext(code, createContext({}))

describe('the sender refuses, with the path and what to do,', () => {
  it.each<[string, unknown, string | RegExp]>([
    [
      'a forgotten await',
      { user: Promise.resolve(1) },
      'payload.user is a Promise: await it first',
    ],
    ['a URL', new URL('http://a.example/'), 'payload is a URL: send its href'],
    ['a WeakMap', [new WeakMap()], /^payload\[0\] is a WeakMap: .*send plain data$/],
    ['a Map', { a: new Map() }, /^payload\.a is a Map: send Object\.fromEntries/],
    ['a Set', [[new Set()]], /^payload\[0\]\[0\] is a Set: send an array/],
    ['an Error', { e: new TypeError('x') }, /^payload\.e is a TypeError: send its name, message/],
    ['a RegExp', /x/, 'payload is a RegExp: send its source and flags'],
    ['a Float64Array', new Float64Array(1), /^payload is a Float64Array: use a Uint8Array/],
    ['a Uint16Array', { v: new Uint16Array(1) }, /^payload\.v is a Uint16Array: use a Uint8Array/],
    ['a clamped array', [new Uint8ClampedArray(1)], /Uint8ClampedArray: use a Uint8Array/],
    [
      'an ArrayBuffer',
      { b: new ArrayBuffer(1) },
      /^payload\.b is an ArrayBuffer: use a Uint8Array/,
    ],
    ['a DataView', new DataView(new ArrayBuffer(1)), /is a DataView: use a Uint8Array/],
    ['a Blob', { file: new Blob(['x']) }, /^payload\.file is a Blob: .*await it\.arrayBuffer/],
    ['a boxed string', Object('x'), 'payload is a String: send the string itself: String(it)'],
    ['a boxed number', [Object(1)], /^payload\[0\] is a Number: send the number itself/],
    [
      'an instance',
      { items: [1, { order: new Order() }] },
      /^payload\.items\[1\]\.order is an Order/,
    ],
    [
      'an instance, by a copy',
      new Order(),
      /without its class: send a plain object, .*\{ \.\.\.it \}$/,
    ],
    ['an instance with toJSON', new Money(), /is a Money .*: send it\.toJSON\(\)$/],
    ['an inheriting object', Object.create({ a: 1 }), /^payload is a class instance/],
    ['an Array subclass', new (class Rows extends Array {})(2), /is a Rows: send a plain array/],
    ['a subclass of Promise', [Later.resolve(1)], 'payload[0] is a Later: await it first'],
    ['a function', { on: { click() {} } }, /^payload\.on\.click is a function \(click\): send/],
    ['a symbol', [Symbol('s')], /^payload\[0\] is a symbol: send/],
    [
      'a cycle',
      { x: loop },
      'payload.x.child.parent refers back to payload.x, a cycle: send ids instead of references',
    ],
    ['a cycle of arrays', ring, /^payload\[0\]\[0\] refers back to payload, a cycle/],
    [
      'too deep a nesting',
      nested(payloadDepthMax + 1),
      /\] is nested deeper than 16: send it flatter/,
    ],
    [
      'too many values',
      { a: new Array(payloadItemsMax).fill(0) },
      /^payload has over 10000 values/,
    ],
    ['__proto__', { a: JSON.parse('{"__proto__":1}') }, /^payload\.a\.__proto__ .*refused/],
    ['an odd key', { 'two words': [() => 1] }, /^payload\["two words"\]\[0\] is a function/],
    [
      'a getter that throws',
      {
        a: {
          get b() {
            throw new Error('lazy')
          },
        },
      },
      'payload.a.b could not be read: lazy',
    ],
    ['a revoked proxy', { p: revoked() }, /^payload\.p could not be read/],
    ['bytes of another realm', foreign('new Uint8Array(1)'), /is a Uint8Array: use a Uint8Array/],
  ])('%s', (_what, payload, expected) => {
    const problem = problemOf(payload)
    if (typeof expected === 'string') expect(problem).toBe(expected)
    else expect(problem).toMatch(expected)
  })
})

describe('plain data passes:', () => {
  it.each<[string, unknown]>([
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 })],
    ['an object of another realm', foreign('({ a: { b: 1 } })')],
    ['the same object twice', [loopless, loopless]],
    ['undefined and null', { a: undefined, b: null }],
    ['numbers', [1.5, -0.5, 2 ** 60, Number.NaN, Number.NEGATIVE_INFINITY]],
    ['big integers', [1n, -1n, 2n ** 64n, -(2n ** 90n)]],
    ['dates', [new Date(-5), new Date(1_700_000_000_123)]],
  ])('%s', (_what, payload) => {
    expect(problemOf(payload)).toBe('sent')
    const { bytes, cbor } = codec.encode(payload)
    expect(codec.decode(bytes, cbor)).toEqual(payload)
  })
})
