import type { ByteStream } from '@nodosum/transport'
import type { QuicOptions } from '../src/options.ts'
import type { Pair } from './harness.ts'
import { losing } from './losing-port.ts'
import { first, pairOf, second } from './trusted-nodes.ts'

/** Two connected nodes, both with these options. */
export async function connect(options: QuicOptions = {}, lossRate = 0): Promise<Pair> {
  const wrap = lossRate > 0 ? losing(lossRate) : undefined
  return pairOf(
    { credentials: first, options, ...(wrap && { wrap }) },
    { credentials: second, options, ...(wrap && { wrap }) },
  )
}

/** The next stream that the acceptor gets. */
export function nextStream(pair: Pair): Promise<ByteStream> {
  return new Promise((resolve) => {
    pair.acceptor.onStream = resolve
  })
}

export function echoEverything(pair: Pair): void {
  pair.acceptor.onStream = (stream) => {
    stream.onData = (chunk) => stream.write(chunk)
    stream.onEnd = () => stream.end()
  }
}
