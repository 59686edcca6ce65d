import type { Duplex } from 'node:stream'
import type { Lane } from './messages.ts'

/** A stream of Node as a lane. */
export function laneOf(stream: Duplex): Lane {
  const lane: Lane = {
    write: (chunk) => stream.write(chunk),
    onWritable: null,
    onData: null,
  }
  stream.on('data', (chunk: Buffer) => lane.onData?.(chunk))
  stream.on('drain', () => lane.onWritable?.())
  stream.on('error', () => undefined)
  return lane
}
