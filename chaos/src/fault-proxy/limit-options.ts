import { bytes, defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'

/** What a UDP proxy holds at most; meanings and ranges are in `udpLimitOptions`. */
export interface UdpLimits {
  readonly sessionsMax: number
  readonly sessionIdleMs: number
  readonly queuePacketsMax: number
  readonly queueBytesMax: number
}

/** What a TCP proxy holds at most; meanings and ranges are in `tcpLimitOptions`. */
export interface TcpLimits {
  readonly connectionsMax: number
  readonly laneBytesMax: number
}

export const udpLimitOptions: OptionTable<UdpLimits> = defineOptions({
  name: 'the limits of the UDP fault proxy',
  schema: z.strictObject({
    sessionsMax: integer({
      default: 1_024,
      min: 1,
      max: 16_384,
      description:
        'Client addresses at once; each has a socket of its own. Datagrams of one more overflow.',
    }),
    sessionIdleMs: duration({
      default: 60_000,
      min: 100,
      max: 86_400_000,
      description: 'A client that neither sent nor got anything for this long is forgotten.',
    }),
    queuePacketsMax: integer({
      default: 65_536,
      min: 1,
      max: 1_048_576,
      description: 'Datagrams under way in one direction. More overflow.',
    }),
    queueBytesMax: bytes({
      default: 67_108_864,
      min: 1,
      max: 1_073_741_824,
      description: 'Their payload. More overflows.',
    }),
  }),
})

export const tcpLimitOptions: OptionTable<TcpLimits> = defineOptions({
  name: 'the limits of the TCP fault proxy',
  schema: z.strictObject({
    connectionsMax: integer({
      default: 1_024,
      min: 1,
      max: 16_384,
      description: 'Connections at once. One more is reset and counted as overflow.',
    }),
    laneBytesMax: bytes({
      default: 4_194_304,
      min: 65_536,
      max: 1_073_741_824,
      description:
        'Bytes of one connection and direction under way. From there on the proxy does not read, and the sender feels it; one read more (64 KiB) may be in hand.',
    }),
  }),
})
