import { bytes, defineOptions, duration, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'

/** See `messagingOptions` for defaults, ranges and meanings. */
export interface MessagingOptions {
  readonly applicationsMax: number
  readonly lanesMax: number
  readonly inFlightMax: number
  readonly waitingSendsMax: number
  readonly pendingRequestsMax: number
  readonly handlerConcurrencyMax: number
  readonly requestQueueMax: number
  readonly sendTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly retryBaseMs: number
  readonly retryMaxMs: number
  readonly flushTimeoutMs: number
  readonly payloadDepthMax: number
  readonly payloadItemsMax: number
  readonly streamsMax: number
  readonly streamsPerPeerMax: number
  readonly streamWindowItems: number
  readonly streamWindowBytes: number
}

/** Every limit and time of messaging. */
export const messagingOptions: OptionTable<MessagingOptions> = defineOptions({
  name: 'messaging',
  schema: z.strictObject({
    applicationsMax: integer({
      default: 256,
      min: 1,
      max: 256,
      description: 'Applications of one node. One more is refused with LIMIT_PENDING.',
    }),
    lanesMax: integer({
      default: 64,
      min: 1,
      max: 256,
      description: 'Named lanes of one application. One more is refused with LIMIT_STREAMS.',
    }),
    inFlightMax: integer({
      default: 65_536,
      min: 1,
      max: 1_048_576,
      description:
        'Messages of one lane to one node that are not confirmed yet. At the bound: BACKPRESSURE.',
    }),
    waitingSendsMax: integer({
      default: 1_024,
      min: 1,
      max: 65_536,
      description:
        'Calls of send that wait for room or a session, for each lane and node. One more is refused with LIMIT_PENDING.',
    }),
    pendingRequestsMax: integer({
      default: 16_384,
      min: 1,
      max: 1_048_576,
      description:
        'Requests without a reply, for each application and node. One more is refused with LIMIT_PENDING.',
    }),
    handlerConcurrencyMax: integer({
      default: 256,
      min: 1,
      max: 65_536,
      description:
        'Asynchronous handlers of one application that run at once, for messages and requests each. Beyond it message lanes push back and requests wait.',
    }),
    requestQueueMax: integer({
      default: 1_024,
      min: 0,
      max: 65_536,
      description:
        'Requests of one application that wait for a free handler. One more is answered with OVERLOAD.',
    }),
    sendTimeoutMs: duration({
      default: 5_000,
      min: 1,
      max: 600_000,
      description: 'How long a send waits for room and its confirmation, unless the call says so.',
      reload: 'hot',
    }),
    requestTimeoutMs: duration({
      default: 5_000,
      min: 1,
      max: 600_000,
      description: 'How long a request waits for its reply, unless the call says so.',
      reload: 'hot',
    }),
    retryBaseMs: duration({
      default: 20,
      min: 1,
      max: 10_000,
      description: 'First wait before a further attempt: full jitter from 0 to this.',
      reload: 'hot',
    }),
    retryMaxMs: duration({
      default: 500,
      min: 1,
      max: 60_000,
      description: 'Longest wait before a further attempt.',
      reload: 'hot',
    }),
    flushTimeoutMs: duration({
      default: 2_000,
      min: 0,
      max: 60_000,
      description:
        'How long a node that closes waits until the messages that it accepted have reached their handlers. What is not confirmed by then ends as unknown.',
      reload: 'hot',
    }),
    payloadDepthMax: integer({
      default: 16,
      min: 1,
      max: 128,
      description:
        'Most levels of arrays and objects in one payload. A deeper one is refused with PAYLOAD_INVALID, before it is encoded and before it is decoded.',
    }),
    payloadItemsMax: integer({
      default: 10_000,
      min: 1,
      max: 1_000_000,
      description:
        'Most values in one payload, arrays and objects among them. More are refused with PAYLOAD_INVALID, before they are encoded and before they are decoded.',
    }),
    streamsMax: integer({
      default: 1_024,
      min: 1,
      max: 65_536,
      description:
        'Streaming replies of one application that this node produces at once. One more is refused with LIMIT_STREAMS.',
    }),
    streamsPerPeerMax: integer({
      default: 128,
      min: 1,
      max: 65_536,
      description:
        'Streaming replies of one application that one peer takes from this node at once, and that this node takes from one peer. One more is refused with LIMIT_STREAMS.',
    }),
    streamWindowItems: integer({
      default: 64,
      min: 1,
      max: 65_536,
      description:
        'Items of one streaming reply that may be on their way to this node or wait in it. Beyond them its producer pauses until the consumer takes some.',
    }),
    streamWindowBytes: bytes({
      default: 262_144,
      min: 1_024,
      max: 67_108_864,
      description:
        'The same in bytes of encoded items; the item that reaches the bound may exceed it.',
    }),
  }),
})
