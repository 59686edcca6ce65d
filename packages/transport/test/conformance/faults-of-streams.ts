/** Broken promises of byte streams. */
import { NodosumError } from '@nodosum/kernel'
import type { ByteStream } from '../../src/index.ts'
import { type PlantedFault, tappingData, tappingReset } from './broken-transport.ts'
import { ignoring } from './faults-of-connections.ts'

const halfClose = 'half close: end reaches the peer after all bytes, and its direction lives on'
const bytesWait = 'bytes wait while nobody listens to them, and then arrive in order'
const killed = 'a peer that is killed while it writes is noticed, and its bytes stay valid'
const onlyOpened = 'a stream that was only opened reaches the peer with its end or its reset'
const pauseInside = 'pause inside onData holds back the next onData and onEnd'

/** A pause that ends by itself, at one end. */
function impatientPause(role: 'dialer' | 'acceptor'): PlantedFault['stream'] {
  return (inner, { connection, scheduler }) => ({
    pause: () => {
      inner.pause()
      if (connection.role === role) scheduler.after(30_000, () => inner.resume())
    },
  })
}

function noMoreStreams(): NodosumError {
  return new NodosumError('ERR_NODOSUM_LIMIT_STREAMS', 'no more streams: that is the fault')
}

/** By connection. */
const opened = new WeakMap<object, number>()
const resets = new WeakMap<object, number>()
const siblings = new WeakMap<object, { streams: Set<ByteStream>; isPaused: boolean }>()

export const streamFaults: readonly PlantedFault[] = [
  {
    name: 'holds answers back until the question has ended',
    red: ['a stream carries bytes both ways and is known by the same id at both ends'],
    stream: (inner, { isOpener }) => {
      if (isOpener) return {}
      let isEnded = false
      const held: Uint8Array[] = []
      let callback: (() => void) | null = null
      inner.onEnd = () => {
        isEnded = true
        for (const chunk of held.splice(0)) inner.write(chunk)
        callback?.()
      }
      return {
        write: (chunk) => {
          if (isEnded) return inner.write(chunk)
          held.push(chunk)
          return inner.write(new Uint8Array(0))
        },
        get onEnd() {
          return callback
        },
        set onEnd(given) {
          callback = given
        },
      }
    },
  },
  {
    name: 'loses the first bytes of streams that the acceptor opens',
    red: ['the acceptor opens streams too'],
    stream: (inner, { isOpener, connection }) => ({
      write: (chunk) => {
        const isLost = isOpener && connection.role === 'acceptor' && chunk.length === 17
        return isLost ? true : inner.write(chunk)
      },
    }),
  },
  {
    name: 'swallows an end that follows bytes while the other direction is open',
    red: [halfClose],
    stream: (inner, { isOpener }) => {
      let text = ''
      return {
        write: (chunk) => {
          text = String.fromCharCode(...chunk.subarray(0, 100))
          return inner.write(chunk)
        },
        end: () => {
          if (!isOpener || text !== 'question') inner.end()
        },
      }
    },
  },
  {
    name: 'cuts codes to 31 bits',
    red: ['reset: its code arrives as it is, once, and both directions are over'],
    stream: (inner) => tappingReset(inner, (code, tell) => tell(code & 0x7fff_ffff)),
  },
  {
    name: 'loses the code of a reset',
    red: [
      'reset: its code arrives as it is, once, and both directions are over',
      onlyOpened,
      'close gives up on a reader that does not read after closeTimeoutMs',
      'streams die with their connection and its code',
    ],
    stream: (inner) => tappingReset(inner, (_, tell) => tell(0)),
  },
  {
    name: 'takes any number as a code',
    red: ['a code that is no integer from 0 to 2^32-1 throws'],
    stream: (inner) => ({
      reset: (code) => {
        if (Number.isInteger(code) && code >= 0) inner.reset(code)
      },
    }),
  },
  {
    name: 'keeps the reset of a stream that was only opened to itself',
    red: [onlyOpened],
    stream: (inner, { isOpener }) => {
      let isUsed = false
      return {
        write: (chunk) => {
          isUsed = true
          return inner.write(chunk)
        },
        reset: (code) => {
          if (!isOpener || isUsed || code !== 5) inner.reset(code)
        },
      }
    },
  },
  {
    name: 'cannot reset a stream that it has ended',
    red: ['a peer that stops reading is noticed although it had ended its direction'],
    stream: (inner) => {
      let isEnded = false
      return {
        end: () => {
          isEnded = true
          inner.end()
        },
        reset: (code) => {
          if (!isEnded) inner.reset(code)
        },
      }
    },
  },
  {
    name: 'uses the memory of a chunk again',
    red: ['chunks stay valid after their callback', killed, bytesWait],
    stream: (inner) => {
      const memory = new Uint8Array(65_536)
      return tappingData(inner, (chunk, tell) => {
        memory.set(chunk)
        tell(memory.subarray(0, chunk.length))
      })
    },
  },
  {
    name: 'lets a paused acceptor read on after 30 s',
    red: ['a reader at the acceptor that stops for 60 s bounds its writer'],
    stream: impatientPause('acceptor'),
  },
  {
    name: 'lets a paused dialer read on after 30 s',
    red: ['a reader at the dialer that stops for 60 s bounds its writer'],
    stream: impatientPause('dialer'),
  },
  {
    name: 'drops bytes that nobody waits for yet',
    red: [bytesWait, pauseInside],
    stream: (inner) => {
      inner.onData = () => {}
      return {}
    },
  },
  {
    name: 'pauses only after what it has at hand',
    red: [pauseInside],
    stream: (inner) => ({ pause: () => void Promise.resolve().then(() => inner.pause()) }),
  },
  {
    name: 'calls onWritable twice',
    red: [
      'onWritable follows each false once, at half of the limit',
      'a reader at the acceptor that stops for 60 s bounds its writer',
      'a reader at the dialer that stops for 60 s bounds its writer',
    ],
    stream: (inner) => ({
      set onWritable(callback: (() => void) | null) {
        inner.onWritable =
          callback &&
          (() => {
            callback()
            callback()
          })
      },
      get onWritable() {
        return inner.onWritable
      },
    }),
  },
  {
    name: 'pauses all streams with one',
    red: ['a slow reader holds up no other stream'],
    stream: (inner, { connection, isOpener }) => {
      if (isOpener) return {}
      const all = siblings.get(connection) ?? { streams: new Set(), isPaused: false }
      siblings.set(connection, all)
      all.streams.add(inner)
      return {
        pause: () => {
          all.isPaused = true
          for (const stream of all.streams) stream.pause()
        },
        resume: () => {
          all.isPaused = false
          for (const stream of all.streams) stream.resume()
        },
        get onData() {
          return inner.onData
        },
        set onData(callback) {
          if (all.isPaused) inner.pause()
          inner.onData = callback
        },
      }
    },
  },
  {
    name: 'buffers without end for a writer that ignores every false',
    red: ['a writer that ignores every false loses its stream and nothing else'],
    node: ignoring('streamBufferBytesMax'),
  },
  {
    name: 'opens streams beyond its streamsMax',
    red: ['streamsMax of this end refuses a stream, and an ended one makes room'],
    node: ignoring('streamsMax', 'first'),
  },
  {
    name: 'takes streams beyond its streamsMax',
    red: ['streamsMax of the peer refuses a stream and touches no other'],
    node: ignoring('streamsMax', 'second'),
  },
  {
    name: 'makes the death of a connection look like the end of a stream',
    red: [killed, 'close brings over everything that was written before'],
    stream: (inner) => {
      let bytes = 0
      let end: (() => void) | null = null
      const data = tappingData(inner, (chunk, tell) => {
        bytes += chunk.length
        tell(chunk)
      })
      const reset = tappingReset(inner, (code, tell) => {
        if (bytes > 100_000 && end !== null) end()
        else tell(code)
      })
      return {
        get onData() {
          return data.onData
        },
        set onData(callback) {
          data.onData = callback
        },
        get onReset() {
          return reset.onReset
        },
        set onReset(callback) {
          reset.onReset = callback
        },
        get onEnd() {
          return end
        },
        set onEnd(callback) {
          end = callback
          inner.onEnd = callback
        },
      }
    },
  },
  {
    name: 'tells nobody of a death that came before onReset was set',
    red: ['streams die with their connection and its code'],
    stream: (inner) => {
      let isDead = false
      let callback: ((code: number) => void) | null = null
      inner.onReset = (code) => {
        isDead = true
        callback?.(code)
      }
      return {
        get onReset() {
          return callback
        },
        set onReset(given) {
          callback = isDead ? null : given
        },
      }
    },
  },
  {
    name: 'has room for 150 streams in its life',
    red: ['10,000 streams one after another are each answered and forgotten'],
    connection: (inner) => ({
      openStream: () => {
        const count = (opened.get(inner) ?? 0) + 1
        opened.set(inner, count)
        if (count > 150) throw noMoreStreams()
        return inner.openStream()
      },
    }),
  },
  {
    name: 'loses a place with every reset',
    red: ['thousands of resets cost nothing that a later stream would need'],
    stream: (inner, { connection, isOpener }) => {
      if (isOpener && (resets.get(connection) ?? 0) > 35) throw noMoreStreams()
      return tappingReset(inner, (code, tell) => {
        resets.set(connection, (resets.get(connection) ?? 0) + 1)
        tell(code)
      })
    },
  },
  {
    name: 'mixes up streams when there are many',
    red: ['500 streams at once are each answered with their own bytes'],
    stream: (inner, { connection }) => ({
      write: (chunk) => {
        const isCrowded = connection.stats().streams > 30
        return inner.write(isCrowded ? new Uint8Array(chunk.length) : chunk)
      },
    }),
  },
  {
    name: 'changes one byte of 3 MiB',
    red: ['64 MiB through one stream arrive byte for byte'],
    stream: (inner, { connection }) => {
      if (connection.role === 'dialer') return {}
      let bytes = 0
      return tappingData(inner, (chunk, tell) => {
        const before = bytes
        bytes += chunk.length
        if (before < 2_500_000 && bytes >= 2_500_000) chunk[0] = (chunk[0] ?? 0) ^ 1
        tell(chunk)
      })
    },
  },
  {
    name: 'drops a chunk of 3 MiB',
    red: ['64 MiB through one stream arrive byte for byte'],
    stream: (inner, { connection }) => {
      if (connection.role === 'dialer') return {}
      let bytes = 0
      return tappingData(inner, (chunk, tell) => {
        const before = bytes
        bytes += chunk.length
        if (before >= 2_500_000 || bytes < 2_500_000) tell(chunk)
      })
    },
  },
]
