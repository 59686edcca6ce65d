import { NodosumError } from '@nodosum/kernel'
import { bigintBytesMax, forbiddenKeys, type PayloadLimits } from '../wire/cbor-structure.ts'

/**
 * Refuses what would not arrive as it is: whatever is not plain data, nested too deep, too much, or
 * refers back to itself.
 *
 * @param root what the value is called in messages, for example `payload`
 * @throws `PAYLOAD_INVALID` with the path inside the value and the remedy, `MESSAGE_TOO_LARGE` for
 *   more text and bytes than a message holds
 */
export function checkPlain(value: unknown, root: string, limits: PayloadLimits): void {
  const walk = new PlainWalk(root, limits)
  try {
    walk.visit(value)
  } catch (cause) {
    if (cause instanceof NodosumError) throw cause
    // A getter or a proxy of the caller's.
    throw walk.refusal('could not be read', cause)
  }
}

const bigintLimit = 1n << BigInt(8 * bigintBytesMax)

/** One walk over a value. Its trail is left as it is when it throws: that is the path. */
class PlainWalk {
  readonly #root: string
  readonly #limits: PayloadLimits
  readonly #trail: (string | number)[] = []
  readonly #ancestors: object[] = []
  #items = 0
  /** What its texts and bytes take encoded, at least. */
  #bytes = 0

  constructor(root: string, limits: PayloadLimits) {
    this.#root = root
    this.#limits = limits
  }

  visit(value: unknown): void {
    const { itemsMax } = this.#limits
    if (++this.#items > itemsMax) {
      const words = `has over ${itemsMax} values: send several messages, or bytes`
      this.#trail.length = 0
      throw this.refusal(words)
    }
    switch (typeof value) {
      case 'string':
        return this.#grow(value.length)
      case 'object':
        if (value !== null) this.#enter(value)
        return
      case 'bigint':
        if (value >= bigintLimit || value <= -bigintLimit) {
          throw this.refusal(`is a big integer of over ${bigintBytesMax} bytes: send it as bytes`)
        }
        return
      case 'function':
        throw this.refusal(`is a function${calledName(value)}: send what it returns, or plain data`)
      case 'symbol':
        throw this.refusal('is a symbol: send its description, a string')
    }
  }

  /** @param words what is wrong with the value that the trail leads to */
  refusal(words: string, cause?: unknown): NodosumError {
    const reason = cause === undefined ? '' : `: ${textOf(cause)}`
    const message = `${pathOf(this.#root, this.#trail)} ${words}${reason}`
    return new NodosumError('ERR_NODOSUM_PAYLOAD_INVALID', message, { cause })
  }

  /** What is too large is refused before memory is spent on encoding it. */
  #grow(bytes: number): void {
    this.#bytes += bytes
    const { bytesMax } = this.#limits
    if (this.#bytes <= bytesMax) return
    const message =
      `${this.#root} has over ${bytesMax} bytes: send it in parts, or raise ` +
      'layers.streams.messageBytesMax on every node'
    throw new NodosumError('ERR_NODOSUM_MESSAGE_TOO_LARGE', message, { details: { bytesMax } })
  }

  #enter(value: object): void {
    if (value instanceof Uint8Array) return this.#grow(value.length)
    if (value instanceof Date) return
    const isArray = Array.isArray(value)
    if (!isPlain(value, isArray)) throw this.refusal(foreignWords(value))
    if (this.#trail.length >= this.#limits.depthMax) throw this.#tooDeep(value)
    this.#ancestors.push(value)
    if (isArray) this.#visitArray(value)
    else this.#visitObject(value as Record<string, unknown>)
    this.#ancestors.pop()
  }

  #visitArray(value: readonly unknown[]): void {
    for (let index = 0; index < value.length; index++) {
      this.#trail.push(index)
      this.visit(value[index])
      this.#trail.pop()
    }
  }

  #visitObject(value: Record<string, unknown>): void {
    for (const key of Object.keys(value)) {
      this.#trail.push(key)
      if (forbiddenKeys.has(key)) throw this.refusal('has a key that is refused: rename it')
      this.#grow(key.length)
      this.visit(value[key])
      this.#trail.pop()
    }
  }

  /** Every cycle gets here: it has no end. */
  #tooDeep(value: object): NodosumError {
    const way = [...this.#ancestors, value]
    const again = way.findIndex((each, index) => way.indexOf(each) < index)
    if (again === -1) {
      const { depthMax } = this.#limits
      return this.refusal(`is nested deeper than ${depthMax}: send it flatter, or as bytes`)
    }
    const first = way.indexOf(way[again] as object)
    const back = pathOf(this.#root, this.#trail.slice(0, first))
    this.#trail.length = again
    return this.refusal(`refers back to ${back}, a cycle: send ids instead of references`)
  }
}

function isPlain(value: object, isArray: boolean): boolean {
  const prototype: object | null = Object.getPrototypeOf(value)
  if (isArray) return prototype === Array.prototype
  if (prototype === Object.prototype || prototype === null) return true
  // The Object of another realm, for example of a test runner that uses node:vm.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')
}

const bytesOfView = 'use a Uint8Array: new Uint8Array(it.buffer, it.byteOffset, it.byteLength)'
const textBody = 'read it first: send the bytes, or the text'

/** What to do with what is often tried; by the name of the class. */
const remedies: ReadonlyMap<string, string> = new Map([
  ['Promise', 'await it first'],
  ['URL', 'send its href'],
  ['URLSearchParams', 'send String(it)'],
  ['Map', 'send Object.fromEntries(it), or an array of its entries'],
  ['Set', 'send an array: [...it]'],
  ['WeakMap', 'it cannot be read; send plain data'],
  ['WeakSet', 'it cannot be read; send plain data'],
  ['WeakRef', 'send what deref() returns'],
  ['RegExp', 'send its source and flags'],
  ['String', 'send the string itself: String(it)'],
  ['Number', 'send the number itself: Number(it)'],
  ['Boolean', 'send it.valueOf()'],
  ['BigInt', 'send it.valueOf()'],
  ['Symbol', 'send its description, a string'],
  ['Blob', 'use a Uint8Array: new Uint8Array(await it.arrayBuffer())'],
  ['File', 'use a Uint8Array: new Uint8Array(await it.arrayBuffer())'],
  ['ArrayBuffer', 'use a Uint8Array: new Uint8Array(it)'],
  ['SharedArrayBuffer', 'use a Uint8Array: new Uint8Array(it)'],
  ['DataView', bytesOfView],
  ['Request', textBody],
  ['Response', textBody],
  ['ReadableStream', textBody],
])

/** Says what a value that is no plain data is, and what to send instead. */
function foreignWords(value: object): string {
  const name = classOf(value)
  const what = `is ${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`
  const known = remedies.get(name)
  if (known !== undefined) return `${what}: ${known}`
  if (typeof (value as { then?: unknown }).then === 'function') return `${what}: await it first`
  if (ArrayBuffer.isView(value)) return `${what}: ${bytesOfView}, or an array of numbers`
  if (value instanceof Error) return `${what}: send its name, message and code, or throw it`
  if (Array.isArray(value)) return `${what}: send a plain array: Array.from(it)`
  const toJson = typeof (value as { toJSON?: unknown }).toJSON === 'function'
  return `${what} and would arrive without its class: send ${toJson ? 'it.toJSON()' : 'a plain object, for example { ...it }'}`
}

function classOf(value: object): string {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
  if (typeof name === 'string' && /^[\w$]{1,64}$/.test(name) && name !== 'Object') return name
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1)
  return tag === 'Object' || !/^[\w$]{1,64}$/.test(tag) ? 'class instance' : tag
}

function calledName(value: unknown): string {
  const { name } = value as { name?: unknown }
  return typeof name === 'string' && /^[\w$]{1,64}$/.test(name) ? ` (${name})` : ''
}

function textOf(cause: unknown): string {
  try {
    return cause instanceof Error ? cause.message : String(cause)
  } catch {
    return 'it threw'
  }
}

/** `payload.items[3].when`; a key that is no identifier is quoted. */
export function pathOf(root: string, trail: readonly (string | number)[]): string {
  let path = root
  for (const key of trail) {
    if (typeof key === 'number') path += `[${key}]`
    else if (/^[A-Za-z_$][\w$]{0,63}$/.test(key)) path += `.${key}`
    else path += `[${JSON.stringify(key.slice(0, 64))}]`
  }
  return path
}
