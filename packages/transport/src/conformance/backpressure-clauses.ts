import type { ByteStream, Connection, TransportLimits } from '../contract.ts'
import {
  type ClauseRun,
  type ConformanceClause,
  clause,
  codeThrownBy,
  expectEqual,
  expectThat,
} from './clause.ts'
import { bytesOf, echoStreams, openWith, record, recordStreams } from './streams.ts'

const windowBytes = 65_536
const bufferBytes = 100_000
const small: Partial<TransportLimits> = {
  streamWindowBytes: windowBytes,
  streamBufferBytes: bufferBytes,
}
const chunkBytes = 10_000
/** What a transport may hold between its queue and the peer's window. */
const ownBufferBytes = 65_536

/** Who waits for whom, and what happens at the limits of streams. */
export const backpressureClauses: readonly ConformanceClause[] = [
  clause('a reader at the acceptor that stops for 60 s bounds its writer', (run) =>
    stoppedReader(run, ({ dialer, acceptor }) => [dialer, acceptor]),
  ),

  clause('a reader at the dialer that stops for 60 s bounds its writer', (run) =>
    stoppedReader(run, ({ dialer, acceptor }) => [acceptor, dialer]),
  ),

  clause('bytes wait while nobody listens to them, and then arrive in order', async (run) => {
    const { dialer, acceptor } = await run.connect(small)
    const arrived: ByteStream[] = []
    acceptor.onStream = (stream) => arrived.push(stream)
    const local = dialer.openStream()
    const written = writeUntilStopped(local)
    await run.until('the stream arrives', () => arrived.length === 1)
    await run.wait(50)
    const log = record(arrived[0] as ByteStream)
    await run.until('all arrives', () => log.bytes === written)
    expectInOrder(log.chunks ?? [])
  }),

  clause('streams wait while nobody listens to them', async (run) => {
    const { dialer, acceptor } = await run.connect()
    const locals = [dialer.openStream(), dialer.openStream()]
    for (const local of locals) local.write(bytesOf('early'))
    await run.until('both are known', () => acceptor.stats().streams === 2)
    const logs = recordStreams(acceptor)
    await run.until('both are delivered', () => logs.length === 2)
    await run.until('with their bytes', () => logs.every(({ bytes }) => bytes === 5))
  }),

  clause('pause inside onData holds back the next onData and onEnd', async (run) => {
    const { dialer, acceptor } = await run.connect(small)
    const arrived: ByteStream[] = []
    acceptor.onStream = (stream) => arrived.push(stream)
    const local = dialer.openStream()
    for (let index = 0; index < 6; index += 1) local.write(new Uint8Array(chunkBytes))
    local.end()
    await run.until('the stream arrives', () => arrived.length === 1)
    const remote = arrived[0] as ByteStream
    let calls = 0
    let bytes = 0
    let ended = false
    remote.onEnd = () => {
      ended = true
    }
    remote.onData = (chunk) => {
      calls += 1
      bytes += chunk.length
      remote.pause()
    }
    for (let resumes = 0; !ended; resumes += 1) {
      await run.until('a chunk or the end', () => calls > resumes || ended)
      await run.wait(10)
      expectEqual('calls of onData', calls, ended ? resumes : resumes + 1)
      if (!ended) remote.resume()
    }
    expectEqual('bytes', bytes, 60_000)
  }),

  clause('onWritable follows each false once, at half of the limit', async (run) => {
    const { dialer, acceptor } = await run.connect(small)
    const logs = recordStreams(acceptor, { keep: false })
    const local = dialer.openStream()
    let falses = 0
    let written = 0
    const buffered: number[] = []
    const pump = (): void => {
      for (let isWanted = true; isWanted && falses < 5; ) {
        isWanted = local.write(new Uint8Array(chunkBytes))
        written += chunkBytes
        if (!isWanted) falses += 1
      }
    }
    local.onWritable = () => {
      buffered.push(local.bufferedBytes)
      pump()
    }
    pump()
    await run.until('it was stopped 5 times and let go', () => buffered.length === 5)
    await run.until('all arrives', () => logs[0]?.bytes === written)
    await run.wait(10)
    expectEqual('calls of onWritable', buffered.length, 5)
    const isLow = buffered.every((bytes) => bytes <= bufferBytes / 2)
    expectThat(isLow, 'the queue is at most half full then', buffered)
  }),

  clause('a slow reader holds up no other stream', async (run) => {
    const { dialer, acceptor } = await run.connect(small)
    const logs = recordStreams(acceptor, { keep: false })
    const { local: slow, remote: slowLog } = await openWith(run, dialer, logs, 'slow')
    slowLog.stream.pause()
    for (let index = 0; index < 50; index += 1) slow.write(new Uint8Array(chunkBytes))
    const { local: fast, remote: fastLog } = await openWith(run, dialer, logs, 'fast')
    for (let index = 0; index < 200; index += 1) fast.write(new Uint8Array(chunkBytes))
    fast.end()
    await run.until('the fast one ends', () => fastLog.ends === 1)
    expectEqual('bytes of the fast one', fastLog.bytes, 2_000_004)
    expectEqual('bytes of the slow one', slowLog.bytes, 4)
    slowLog.stream.resume()
    await run.until('the slow one gets its bytes', () => slowLog.bytes === 500_004)
  }),

  clause('a writer that ignores every false loses its stream and nothing else', async (run) => {
    const { dialer, acceptor } = await run.connect({
      streamBufferBytes: 16_384,
      streamBufferBytesMax: 1_048_576,
    })
    const logs = recordStreams(acceptor, { keep: false })
    const { local, remote } = await openWith(run, dialer, logs, 'x')
    const log = record(local)
    const chunk = new Uint8Array(chunkBytes)
    for (let index = 0; index < 120 && log.resets.length === 0; index += 1) local.write(chunk)
    expectEqual('resets', log.resets.length, 1)
    expectEqual('buffered', local.bufferedBytes, 0)
    await run.until('the peer hears of it', () => remote.resets.length === 1)
    await openWith(run, dialer, logs, 'another one')
  }),

  clause('streamsMax of this end refuses a stream, and an ended one makes room', async (run) => {
    const { dialer, acceptor } = await run.connect({ streamsMax: 8 })
    echoStreams(acceptor)
    const logs = Array.from({ length: 8 }, () => record(dialer.openStream()))
    const code = codeThrownBy(() => dialer.openStream())
    expectEqual('the error', code, 'ERR_NODOSUM_LIMIT_STREAMS')
    logs[0]?.stream.end()
    await run.until('one is over', () => logs[0]?.ends === 1)
    await run.until('there is room', () => dialer.stats().streams < 8)
    dialer.openStream()
  }),

  clause('streamsMax of the peer refuses a stream and touches no other', async (run) => {
    const { dialer, acceptor } = await run.connect({}, { streamsMax: 8 })
    const logs = recordStreams(acceptor)
    const opened = Array.from({ length: 9 }, () => openOrCode(dialer))
    const streams = opened.filter((one) => typeof one !== 'string')
    const locals = streams.map((stream) => record(stream))
    for (const { stream } of locals) stream.write(bytesOf('x'))
    const refusals = (): unknown[] => [
      ...opened.filter((one) => typeof one === 'string'),
      ...locals.filter(({ resets }) => resets.length > 0),
    ]
    await run.until('one is refused', () => refusals().length > 0)
    await run.until('the others arrive', () => logs.filter(({ bytes }) => bytes === 1).length === 8)
    expectEqual('refused', refusals().length, 1)
    const codes = opened.filter((one) => typeof one === 'string')
    const known = codes.every((one) => one === 'ERR_NODOSUM_LIMIT_STREAMS')
    expectThat(known, 'the refusal is coded', codes)
    expectEqual('streams that arrived', logs.length, 8)
  }),
]

async function stoppedReader(
  run: ClauseRun,
  choose: (pair: { dialer: Connection; acceptor: Connection }) => [Connection, Connection],
): Promise<void> {
  const [writer, reader] = choose(await run.connect(small))
  const logs = recordStreams(reader, { keep: false })
  const { local, remote } = await openWith(run, writer, logs, 'x')
  remote.stream.pause()
  let written = 1
  const pump = (): void => {
    while (written < 50_000_000) {
      written += chunkBytes
      if (!local.write(new Uint8Array(chunkBytes))) return
    }
  }
  local.onWritable = pump
  pump()
  await run.wait(60_000 * run.harness.timeScale)
  const heldMax = bufferBytes + chunkBytes + ownBufferBytes + windowBytes
  expectThat(written <= heldMax, `more than ${heldMax} bytes were taken of the writer`, written)
  expectThat(local.bufferedBytes <= bufferBytes + chunkBytes, 'the queue', local.bufferedBytes)
  expectEqual('bytes delivered while paused', remote.bytes, 1)
  local.onWritable = null
  remote.stream.resume()
  await run.until('everything arrives', () => remote.bytes === written)
  expectThat(local.write(bytesOf('y')), 'the writer may go on')
}

/** Numbered chunks, so that their order can be seen. */
function writeUntilStopped(stream: ByteStream): number {
  let written = 0
  for (let number = 0; written < 1_000_000; number += 1) {
    const isWanted = stream.write(new Uint8Array(chunkBytes).fill(number))
    written += chunkBytes
    if (!isWanted) return written
  }
  throw new Error('write never returned false')
}

function expectInOrder(chunks: readonly Uint8Array[]): void {
  let position = 0
  for (const chunk of chunks) {
    for (const byte of chunk) {
      const number = Math.floor(position / chunkBytes) % 256
      if (byte !== number) throw new Error(`byte ${position} is ${byte}, expected ${number}`)
      position += 1
    }
  }
}

function openOrCode(connection: Connection): ByteStream | string {
  let stream: ByteStream | undefined
  const code = codeThrownBy(() => {
    stream = connection.openStream()
  })
  return stream ?? code
}
