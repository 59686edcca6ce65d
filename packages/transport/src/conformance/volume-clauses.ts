import { seededRandom } from '@nodosum/kernel'
import type { Connection } from '../contract.ts'
import { type ClauseRun, type ConformanceClause, clause, expectEqual } from './clause.ts'
import { bytesOf, echoStreams, record, textOf } from './streams.ts'

/** Many streams, and many bytes. */
export const volumeClauses: readonly ConformanceClause[] = [
  clause('10,000 streams one after another are each answered and forgotten', async (run) => {
    const { dialer, acceptor } = await run.connect()
    const { streamsInTurn, lanes } = run.volumes
    echoStreams(acceptor)
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < streamsInTurn) {
        const text = `number ${next}`
        next += 1
        expectEqual('the answer', await echoOf(run, dialer, text), text)
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    const ends = [dialer, acceptor]
    await run.until('both ends forget them', () => ends.every((end) => end.stats().streams === 0))
  }),

  clause('thousands of resets cost nothing that a later stream would need', async (run) => {
    const { dialer, acceptor } = await run.connect()
    const count = Math.ceil(run.volumes.streamsInTurn / 4)
    acceptor.onStream = (stream) => {
      stream.onData = () => stream.reset(1)
    }
    for (let done = 0; done < count; ) {
      const batch = Math.min(run.volumes.lanes, count - done)
      const resets = Array.from({ length: batch }, () => {
        const stream = dialer.openStream()
        const { promise, resolve } = Promise.withResolvers<number>()
        stream.onReset = resolve
        stream.write(bytesOf('x'))
        return promise
      })
      await run.within(`the resets after ${done}`, Promise.all(resets))
      done += batch
    }
    echoStreams(acceptor)
    expectEqual('the answer', await echoOf(run, dialer, 'still there'), 'still there')
  }),

  clause('500 streams at once are each answered with their own bytes', async (run) => {
    const { dialer, acceptor } = await run.connect()
    echoStreams(acceptor)
    const logs = Array.from({ length: run.volumes.streamsAtOnce }, (_, index) => {
      const stream = dialer.openStream()
      const log = record(stream)
      for (let part = 0; part < 10; part += 1) stream.write(new Uint8Array(500).fill(index))
      stream.end()
      return log
    })
    await run.until('all are answered', () => logs.every((log) => log.ends === 1))
    for (const [index, log] of logs.entries()) {
      expectEqual(`bytes of stream ${index}`, log.bytes, 5_000)
      const isOwn = log.chunks?.every((chunk) => chunk.every((byte) => byte === index % 256))
      expectEqual(`stream ${index} got its own bytes`, isOwn, true)
      expectEqual(`violations of stream ${index}`, [...log.violations, ...log.resets], [])
    }
  }),

  clause('64 MiB through one stream arrive byte for byte', async (run) => {
    const { dialer, acceptor } = await run.connect()
    const { bulkBytes } = run.volumes
    const random = seededRandom('bulk')
    const pattern = random.bytes(1024 * 1024)
    const [sent, received] = [new Checksum(), new Checksum()]
    const stream = dialer.openStream()
    let written = 0
    const pump = (): void => {
      while (written < bulkBytes) {
        const offset = random.integer(0, pattern.length - 100_000)
        const length = Math.min(bulkBytes - written, random.integer(1, 100_000))
        const chunk = pattern.slice(offset, offset + length)
        sent.add(chunk)
        written += length
        if (!stream.write(chunk)) return
      }
      stream.end()
    }
    stream.onWritable = pump
    let length = 0
    let isEnded = false
    acceptor.onStream = (remote) => {
      remote.onData = (chunk) => {
        length += chunk.length
        received.add(chunk)
      }
      remote.onEnd = () => {
        isEnded = true
      }
    }
    pump()
    let seen = -1
    while (!isEnded) {
      // Patience is for progress: how long all of it takes depends on the machine.
      seen = length
      await run.until('bytes go on to arrive', () => isEnded || length > seen)
    }
    expectEqual('bytes that arrived', length, bulkBytes)
    expectEqual('their checksum', received.value, sent.value)
  }),
]

function echoOf(run: ClauseRun, dialer: Connection, text: string): Promise<string> {
  const stream = dialer.openStream()
  const log = record(stream)
  const { onEnd, onReset } = stream
  const answer = new Promise<string>((resolve, reject) => {
    stream.onEnd = () => {
      onEnd?.()
      resolve(textOf(log))
    }
    stream.onReset = (code) => {
      onReset?.(code)
      reject(new Error(`${text} was reset with ${code}`))
    }
  })
  stream.write(bytesOf(text))
  stream.end()
  return run.within(`the answer to ${text}`, answer)
}

/** FNV-1a over all bytes in order, 32 bits. */
class Checksum {
  value = 0x811c_9dc5

  add(bytes: Uint8Array): void {
    let hash = this.value
    for (let index = 0; index < bytes.length; index += 1) {
      hash = Math.imul(hash ^ (bytes[index] as number), 0x0100_0193)
    }
    this.value = hash >>> 0
  }
}
