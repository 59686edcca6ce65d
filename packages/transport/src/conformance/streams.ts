/** Streams as a clause reads and fills them. */
import type { ByteStream, Connection } from '../contract.ts'
import type { ClauseRun } from './clause.ts'

/** Everything that a stream tells, in the order of its telling. */
export interface StreamLog {
  readonly stream: ByteStream
  /** Null when only bytes were counted. */
  readonly chunks: Uint8Array[] | null
  bytes: number
  ends: number
  readonly resets: number[]
  /** Calls that must not happen, such as data after the end. */
  readonly violations: string[]
}

/** Listens to a stream; `keep: false` counts bytes only. */
export function record(stream: ByteStream, options: { readonly keep?: boolean } = {}): StreamLog {
  const chunks: Uint8Array[] | null = options.keep === false ? null : []
  const log: StreamLog = { stream, chunks, bytes: 0, ends: 0, resets: [], violations: [] }
  stream.onEnd = () => {
    log.ends += 1
    if (log.ends > 1) log.violations.push('onEnd was called twice')
    if (log.resets.length > 0) log.violations.push('onEnd was called after onReset')
  }
  stream.onReset = (code) => {
    log.resets.push(code)
    if (log.resets.length > 1) log.violations.push('onReset was called twice')
  }
  stream.onData = (chunk) => {
    log.bytes += chunk.length
    chunks?.push(chunk)
    if (log.ends > 0) log.violations.push('onData was called after onEnd')
    if (log.resets.length > 0) log.violations.push('onData was called after onReset')
  }
  return log
}

/** What was recorded, as Latin-1 text. */
export function textOf(log: StreamLog): string {
  return (log.chunks ?? []).map((chunk) => String.fromCharCode(...chunk)).join('')
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

/** Records every stream that the peer opens. */
export function recordStreams(
  connection: Connection,
  options: { readonly keep?: boolean } = {},
): StreamLog[] {
  const logs: StreamLog[] = []
  connection.onStream = (stream) => logs.push(record(stream, options))
  return logs
}

/** Sends back what comes, with backpressure, and ends where the peer ends. */
export function echoStreams(connection: Connection): void {
  connection.onStream = (stream) => {
    stream.onData = (chunk) => {
      if (!stream.write(chunk)) stream.pause()
    }
    stream.onWritable = () => stream.resume()
    stream.onEnd = () => stream.end()
  }
}

/** Opens a stream, writes the text, and waits until the acceptor was told of the stream. */
export async function openWith(
  run: ClauseRun,
  from: Connection,
  logs: readonly StreamLog[],
  text: string,
): Promise<{ local: ByteStream; remote: StreamLog }> {
  const known = logs.length
  const local = from.openStream()
  local.write(bytesOf(text))
  await run.until('the stream arrives with its bytes', () => {
    const log = logs.find(({ stream }) => stream.id === local.id)
    return logs.length > known && log?.bytes === text.length
  })
  return { local, remote: logs.find(({ stream }) => stream.id === local.id) as StreamLog }
}
