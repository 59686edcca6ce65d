import {
  bytes,
  decimal,
  defineOptions,
  duration,
  integer,
  type OptionTable,
} from '@nodosum/kernel/options'
import { z } from 'zod'

/** What each application may have its own way; see `messagingOptions` for meanings and ranges. */
export interface ApplicationOptions {
  readonly handlerConcurrencyMax: number
  readonly requestQueueMax: number
  readonly sendTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly attemptsMax: number
  readonly retryBaseMs: number
  readonly retryMaxMs: number
  readonly retryShare: number
  readonly retriesPerSecondMin: number
  readonly breakerErrorShare: number
  readonly breakerRequestsMin: number
  readonly breakerPauseMs: number
  readonly ratePerSecond: number
  readonly bytesPerSecond: number
  readonly peerRatePerSecond: number
  readonly peerBytesPerSecond: number
  readonly peerRequestsMax: number
  readonly broadcastMax: number
  readonly errorBudgetShare: number
  readonly errorBudgetWindowMs: number
}

/** See `messagingOptions` for defaults, ranges and meanings. */
export interface MessagingOptions extends ApplicationOptions {
  readonly applicationsMax: number
  readonly lanesMax: number
  readonly inFlightMax: number
  readonly waitingSendsMax: number
  readonly pendingRequestsMax: number
  readonly memoryBytesMax: number
  readonly handlerTurnMs: number
  readonly flushTimeoutMs: number
  readonly payloadDepthMax: number
  readonly payloadItemsMax: number
  readonly streamsMax: number
  readonly streamsPerPeerMax: number
  readonly streamWindowItems: number
  readonly streamWindowBytes: number
}

const handlerFields = {
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
}

const retryFields = {
  attemptsMax: integer({
    default: 8,
    min: 1,
    max: 100,
    description:
      'How often one request is sent, the first time included, unless the call says so. Looking for a node or a session again is no attempt.',
    source: 'covers two seconds of full jitter, in which views of the cluster agree again',
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
  retryShare: decimal({
    default: 0.1,
    min: 0,
    max: 1,
    description:
      'Retry budget of one application: requests that are sent again, as a share of its requests of the last 10 s. At it a request ends with the error that it has.',
    source: 'the per-client retry budget of Google SRE, "Handling Overload"',
  }),
  retriesPerSecondMin: integer({
    default: 10,
    min: 0,
    max: 100_000,
    unit: '1/s',
    description:
      'Retries of one application that its budget always allows, however few requests it makes.',
    source: 'minRetriesPerSec of Finagle and Linkerd',
  }),
  breakerErrorShare: decimal({
    default: 0.5,
    min: 0.01,
    max: 1,
    description:
      'Share of the latest requests of one application to one node that may stay without an answer or meet OVERLOAD. Above it requests to that node are refused with CIRCUIT_OPEN.',
    source: 'errorThresholdPercentage of Hystrix and opossum',
  }),
  breakerRequestsMin: integer({
    default: 20,
    min: 1,
    max: 100,
    description: 'Requests within 10 s without which the breaker of a node does not open.',
    source: 'requestVolumeThreshold of Hystrix',
  }),
  breakerPauseMs: duration({
    default: 5_000,
    min: 1,
    max: 600_000,
    description:
      'How long a node is not asked once its breaker is open, drawn from half of this to all of it; then one request tries it.',
    source: 'sleepWindowInMilliseconds of Hystrix',
  }),
}

const quotaFields = {
  ratePerSecond: integer({
    default: 0,
    min: 0,
    max: 100_000_000,
    unit: '1/s',
    description:
      'Messages and requests that an application of this node takes in a second from all nodes together; 0 is no limit. Faster requests are refused with RATE_LIMITED, lanes of messages push back.',
  }),
  bytesPerSecond: integer({
    default: 0,
    min: 0,
    max: 1_000_000_000_000,
    unit: 'bytes/s',
    description: 'The same for the bytes of their payloads; 0 is no limit.',
  }),
  peerRatePerSecond: integer({
    default: 0,
    min: 0,
    max: 100_000_000,
    unit: '1/s',
    description:
      'Messages and requests that an application of this node takes in a second from one node; 0 is no limit.',
  }),
  peerBytesPerSecond: integer({
    default: 0,
    min: 0,
    max: 1_000_000_000_000,
    unit: 'bytes/s',
    description: 'The same for the bytes of their payloads; 0 is no limit.',
  }),
  peerRequestsMax: integer({
    default: 0,
    min: 0,
    max: 131_072,
    description:
      'Requests of one node that wait or run at an application of this node; 0 is no limit. One more is refused with RATE_LIMITED.',
  }),
  broadcastMax: integer({
    default: 1_000,
    min: 1,
    max: 100_000,
    description:
      'Nodes that one broadcast goes to. When there are more, nothing is sent: LIMIT_FAN_OUT.',
  }),
  errorBudgetShare: decimal({
    default: 0.01,
    min: 0.000_001,
    max: 1,
    description:
      'Error budget: share of the requests of one application that may end without an answer. Health is degraded while it is used up.',
    source: 'an objective of 99 %',
  }),
  errorBudgetWindowMs: duration({
    default: 300_000,
    min: 1_000,
    max: 86_400_000,
    description: 'Over which time the error budget is counted.',
  }),
}

const applicationFields = { ...handlerFields, ...retryFields, ...quotaFields }

/** What `application.configure(options)` takes. */
export const applicationOptions: OptionTable<ApplicationOptions> = defineOptions({
  name: 'application.configure(options)',
  schema: z.strictObject(applicationFields),
})

/** What of the options of a node an application begins with. */
export function applicationDefaults(options: ApplicationOptions): ApplicationOptions {
  const given = options as unknown as Record<string, unknown>
  const own = Object.keys(applicationFields).map((name) => [name, given[name]])
  return applicationOptions.parse(Object.fromEntries(own))
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
    memoryBytesMax: bytes({
      default: 67_108_864,
      min: 65_536,
      max: 68_719_476_736,
      description:
        'Bytes that this node keeps for what is not finished: sends that wait, requests without a reply, requests and messages at their handlers. At three quarters messages give way (waiting sends are refused with MEMORY_PRESSURE, lanes push back), at all of it requests, too.',
    }),
    handlerTurnMs: duration({
      default: 50,
      min: 1,
      max: 10_000,
      description:
        'How long handlers that do not return may keep the event loop in one turn. After it, messages and requests wait for the next turn, so that everything else of the node goes on.',
      source: 'what W3C calls a long task',
    }),
    ...applicationFields,
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
