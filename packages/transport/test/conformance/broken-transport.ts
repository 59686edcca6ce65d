/** A transport that keeps every promise but one. */
import type { Scheduler } from '@nodosum/kernel'
import type {
  ConformanceHarness,
  ConformanceNodeOptions,
  StrangerLeft,
} from '../../src/conformance/index.ts'
import type { ByteStream, Connection, Transport } from '../../src/index.ts'
import type { SimulatedHarness } from './simulated-harness.ts'

/** Where a stream belongs. */
export interface StreamPlace {
  readonly connection: Connection
  /** True at the end that opened it. */
  readonly isOpener: boolean
  readonly scheduler: Scheduler
}

/** One broken promise. */
export interface PlantedFault {
  /** What the transport does wrong; ends the sentence "a transport that". */
  readonly name: string
  /** The clauses that must turn red; no other may. */
  readonly red: readonly string[]
  readonly transport?: (inner: Transport) => Partial<Transport>
  readonly connection?: (inner: Connection, scheduler: Scheduler) => Partial<Connection>
  readonly stream?: (inner: ByteStream, place: StreamPlace) => Partial<ByteStream>
  /** Changes what a node is asked to be, as if the transport did not heed it. */
  readonly node?: (options: ConformanceNodeOptions) => ConformanceNodeOptions
  readonly harness?: (inner: SimulatedHarness) => Partial<ConformanceHarness>
}

/** An object that does as the inner one, except for what is overridden; accessors count. */
export function override<Whole extends object>(inner: Whole, other: Partial<Whole>): Whole {
  return new Proxy(inner, {
    get: (target, key) => {
      if (key in other) return Reflect.get(other, key)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
    set: (target, key, value) =>
      key in other ? Reflect.set(other, key, value) : Reflect.set(target, key, value, target),
  })
}

export function breakTransport(
  inner: Transport,
  scheduler: Scheduler,
  fault: PlantedFault,
): Transport {
  const wrap = (connection: Connection): Connection => breakConnection(connection, scheduler, fault)
  const wrapped = override(inner, {
    listen: (onConnection) => inner.listen((connection) => onConnection(wrap(connection))),
    connect: async (remote, options) => wrap(await inner.connect(remote, options)),
  })
  return fault.transport === undefined ? wrapped : override(wrapped, fault.transport(wrapped))
}

function breakConnection(inner: Connection, scheduler: Scheduler, fault: PlantedFault): Connection {
  const { stream: breakStream } = fault
  const base =
    breakStream === undefined
      ? inner
      : override(inner, {
          openStream: () => {
            const stream = inner.openStream()
            return override(
              stream,
              breakStream(stream, { connection: inner, isOpener: true, scheduler }),
            )
          },
          get onStream() {
            return inner.onStream
          },
          set onStream(callback) {
            inner.onStream =
              callback &&
              ((stream) => {
                const place = { connection: inner, isOpener: false, scheduler }
                callback(override(stream, breakStream(stream, place)))
              })
          },
        })
  return fault.connection === undefined ? base : override(base, fault.connection(base, scheduler))
}

/** A stranger that is let in as if it were a node. */
export async function letIn(
  harness: SimulatedHarness,
  address: { readonly host: string; readonly port: number },
): Promise<StrangerLeft> {
  const node = await harness.start({ name: 'first' })
  await node.transport.connect(address)
  return { leave: () => node.close() }
}

/** `onData` as the application sets it, called through something else. */
export function tappingData(
  inner: ByteStream,
  tap: (chunk: Uint8Array, callback: (chunk: Uint8Array) => void) => void,
): Pick<ByteStream, 'onData'> {
  let callback: ByteStream['onData'] = null
  return {
    get onData() {
      return callback
    },
    set onData(given) {
      callback = given
      inner.onData = given && ((chunk) => tap(chunk, given))
    },
  }
}

/** `onReset` as the application sets it, called through something else. */
export function tappingReset(
  inner: ByteStream,
  tap: (code: number, callback: (code: number) => void) => void,
): Pick<ByteStream, 'onReset'> {
  let callback: ByteStream['onReset'] = null
  return {
    get onReset() {
      return callback
    },
    set onReset(given) {
      callback = given
      inner.onReset = given && ((code) => tap(code, given))
    },
  }
}
