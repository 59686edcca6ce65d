import { controlOptions } from '../control-options.ts'
import type { DirectionCounters } from '../core/counters.ts'
import type { LinkFaults, PerDirection } from '../core/faults.ts'
import { TcpProxy } from './tcp-proxy.ts'
import type { UdpProxy } from './udp-proxy.ts'

/** What a control line is answered with. */
export type Answer =
  | {
      readonly event: 'answer'
      readonly ok: true
      readonly faults?: PerDirection<LinkFaults>
      readonly counters?: PerDirection<DirectionCounters>
      /** Connections that `reset` has reset. */
      readonly connections?: number
    }
  | { readonly event: 'answer'; readonly ok: false; readonly error: string }

/**
 * Carries out one control line.
 *
 * @param stop what `{"command":"stop"}` calls
 */
export function control(proxy: UdpProxy | TcpProxy, line: string, stop: () => void): Answer {
  try {
    return { event: 'answer', ok: true, ...carriedOut(proxy, line, stop) }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return { event: 'answer', ok: false, error: text }
  }
}

function carriedOut(
  proxy: UdpProxy | TcpProxy,
  line: string,
  stop: () => void,
): Omit<Answer & { ok: true }, 'event' | 'ok'> {
  const { command, faults, fault, direction, min } = controlOptions.parse(parsed(line))
  switch (command) {
    case 'set':
      if (faults === undefined) throw new Error('set needs "faults": what to change')
      // `set` checks what it is given.
      proxy.set(faults as object)
      return { faults: proxy.faults }
    case 'clear':
      proxy.clear()
      return { faults: proxy.faults }
    case 'counters':
      return { counters: proxy.counters }
    case 'expect':
      if (fault === undefined) throw new Error('expect needs "fault": the name of one')
      proxy.expectFired(fault, { direction, min })
      return {}
    case 'reset':
      if (proxy instanceof TcpProxy) return { connections: proxy.reset() }
      throw new Error('UDP has no connections to reset')
    case 'stop':
      stop()
      return {}
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw new Error(`not a JSON object: ${(error as Error).message}`)
  }
}
