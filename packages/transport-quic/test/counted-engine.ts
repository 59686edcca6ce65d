import { native } from '@matrixai/quic'
import { onTestFinished } from 'vitest'

/** Counts, until the test ends, how many connections the engine itself was made to accept. */
export function countAccepts(): () => number {
  const { quiche } = native
  const original = quiche.Connection
  let count = 0
  const counted = {
    connect: original.connect.bind(original),
    accept: (...given: Parameters<typeof original.accept>) => {
      count += 1
      return original.accept(...given)
    },
  }
  const exported = quiche as { Connection: unknown }
  exported.Connection = counted
  onTestFinished(() => {
    exported.Connection = original
  })
  return () => count
}
