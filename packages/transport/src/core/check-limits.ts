import { NodosumError } from '@nodosum/kernel'
import type { TransportLimits } from '../contract.ts'

/**
 * Whether limits that are each in their range fit together, the same for every transport.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID for the first that does not
 */
export function checkLimits(
  limits: Pick<
    TransportLimits,
    'keepAliveMs' | 'idleTimeoutMs' | 'streamBufferBytes' | 'streamBufferBytesMax'
  >,
): void {
  const { keepAliveMs, idleTimeoutMs, streamBufferBytes, streamBufferBytesMax } = limits
  if (keepAliveMs * 2 > idleTimeoutMs) {
    throw invalid(
      `keepAliveMs (${keepAliveMs}) must be at most half of idleTimeoutMs (${idleTimeoutMs})`,
    )
  }
  if (streamBufferBytesMax <= streamBufferBytes) {
    throw invalid(
      `streamBufferBytesMax (${streamBufferBytesMax}) must exceed streamBufferBytes (${streamBufferBytes})`,
    )
  }
}

function invalid(message: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
}
