import { NodosumError } from '@nodosum/kernel'
import {
  bytes,
  decimal,
  defineOptions,
  duration,
  flag,
  integer,
  type OptionTable,
} from '@nodosum/kernel/options'
import { z } from 'zod'
import {
  changed,
  directions,
  type FaultChange,
  type LinkFaults,
  type PerDirection,
  type TcpFaults,
  type UdpFaults,
} from './core/faults.ts'

export type Protocol = 'udp' | 'tcp'

const share = (description: string): z.ZodOptional<z.ZodNumber> =>
  decimal({ min: 0, max: 1, reload: 'hot', description }).optional()
const time = (max: number, description: string): z.ZodOptional<z.ZodNumber> =>
  duration({ max, reload: 'hot', description }).optional()

/** Null stands for no limit. */
const orNone = (schema: z.ZodNumber): z.ZodOptional<z.ZodNullable<z.ZodNumber>> =>
  schema
    .nullable()
    .meta(schema.meta() ?? {})
    .optional()

/** What both protocols know. */
const linkShape = {
  delayMs: time(60_000, 'How long everything takes.'),
  jitterMs: time(
    60_000,
    'Each delay is drawn from delayMs - jitterMs to delayMs + jitterMs; at most delayMs.',
  ),
  corruption: share(
    'Share of datagrams (TCP: of chunks, what one read brings) in which bits are flipped; checksums stay valid.',
  ),
  corruptionBits: integer({
    min: 1,
    max: 64,
    reload: 'hot',
    description: 'How many bits are flipped at a time; 1 at first.',
  }).optional(),
  rateBytesPerSecond: orNone(
    integer({
      min: 1,
      max: 10_000_000_000,
      unit: 'bytes/s',
      reload: 'hot',
      description: 'What the link carries, all clients together; null for no limit.',
    }),
  ),
  blackholeAboveBytes: orNone(
    bytes({
      max: 65_535,
      reload: 'hot',
      description:
        'Larger datagrams vanish; a TCP connection gets stuck at the first larger chunk. Null for none.',
    }),
  ),
  halfOpen: flag({
    reload: 'hot',
    description:
      'Nothing arrives. A TCP connection that lost something stays dead; in both directions, it is accepted and goes nowhere.',
  }).optional(),
  stall: flag({
    reload: 'hot',
    description: 'Everything waits until this is off again; what exceeds the limits overflows.',
  }).optional(),
  stallShare: share('Share of datagrams or chunks with which a stall of stallTimeMs begins.'),
  stallTimeMs: time(600_000, 'How long such a stall lasts; 200 at first.'),
}

const udpShape = {
  ...linkShape,
  loss: share('Share of datagrams that vanish.'),
  duplication: share('Share of datagrams that arrive twice.'),
  reordering: share('Share of datagrams that are held back so that later ones overtake them.'),
  reorderByMs: time(60_000, 'How long those are held back; 10 at first.'),
  rateQueueBytesMax: bytes({
    min: 1,
    max: 67_108_864,
    reload: 'hot',
    description:
      'What may wait for a limited rate; more overflows. 262,144 at first. TCP pushes back instead.',
  }).optional(),
}

const tcpShape = {
  ...linkShape,
  resetAfterBytes: orNone(
    integer({
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      unit: 'bytes',
      reload: 'hot',
      description:
        'A connection is reset once it has passed this much in the direction; null never.',
    }),
  ),
}

export const udpFaultOptions: OptionTable<FaultChange<UdpFaults>> = defineOptions({
  name: 'the UDP fault proxy',
  schema: z.strictObject({
    ...udpShape,
    forward: z.strictObject(udpShape).optional(),
    backward: z.strictObject(udpShape).optional(),
  }),
})

export const tcpFaultOptions: OptionTable<FaultChange<TcpFaults>> = defineOptions({
  name: 'the TCP fault proxy',
  schema: z.strictObject({
    ...tcpShape,
    forward: z.strictObject(tcpShape).optional(),
    backward: z.strictObject(tcpShape).optional(),
  }),
})

/** One fault as the command line lists it. */
export interface FaultReference {
  readonly name: string
  readonly type: string
  readonly description: string
}

/** The faults that a protocol knows, once each. */
export function faultReference(protocol: Protocol): readonly FaultReference[] {
  const table = protocol === 'udp' ? udpFaultOptions : tcpFaultOptions
  return table
    .reference()
    .filter(({ path }) => !path.includes('.'))
    .map(({ path, type, description }) => ({ name: path, type, description }))
}

const noSegments = 'TCP repairs it, so neither end of a connection sees any'
/** Faults of one protocol that do not exist in the other, and what comes closest. */
export const foreignFaults: Readonly<Record<Protocol, Readonly<Record<string, string>>>> = {
  tcp: {
    loss: `TCP has no loss: ${noSegments}; use stallShare for what a lost segment costs`,
    duplication: `TCP has no duplication: ${noSegments}`,
    reordering: `TCP has no reordering: ${noSegments}; use stallShare for what it costs`,
    reorderByMs: `TCP has no reordering: ${noSegments}`,
    rateQueueBytesMax: 'TCP pushes back at a limited rate: use the limit laneBytesMax',
  },
  udp: {
    resetAfterBytes: 'UDP has no connections to reset; use halfOpen',
  },
}

/**
 * The faults after a change.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID with every problem; then nothing has changed
 */
export function applyChange<F extends LinkFaults>(
  protocol: Protocol,
  current: PerDirection<F>,
  change: FaultChange<F>,
): PerDirection<F> {
  refuseForeign(protocol, change)
  const table = protocol === 'udp' ? udpFaultOptions : tcpFaultOptions
  const next = changed(current, table.parse(change) as FaultChange<F>)
  for (const direction of directions) {
    const { delayMs, jitterMs } = next[direction]
    if (jitterMs <= delayMs) continue
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `jitterMs (${jitterMs}) must be at most delayMs (${delayMs}) ${direction}: nothing arrives before it was sent`,
    )
  }
  return next
}

function refuseForeign(protocol: Protocol, change: unknown): void {
  if (typeof change !== 'object' || change === null) return
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) continue
    if ((directions as readonly string[]).includes(key)) refuseForeign(protocol, value)
    if (!Object.hasOwn(foreignFaults[protocol], key)) continue
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `${key}: ${foreignFaults[protocol][key] as string}`,
    )
  }
}
