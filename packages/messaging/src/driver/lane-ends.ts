import {
  type ApplicationId,
  type BootId,
  type ErrorCode,
  isApplicationId,
  type Scheduler,
} from '@nodosum/kernel'
import type { PayloadCodec } from '../adapters/cbor-payload.ts'
import type { DeliveryCounters } from '../core/delivery-ledger.ts'
import type { MessagingOptions } from '../options.ts'
import type { IncomingLane, OutgoingLane } from '../ports.ts'
import type { Undelivered } from './application-snapshot.ts'
import type { Handlers } from './handlers.ts'
import { InboundMessages, type Owns } from './inbound-messages.ts'
import { InboundRequests } from './inbound-requests.ts'
import { messageIdPrefix } from './message-id.ts'
import { OutboundMessages } from './outbound-messages.ts'
import { OutboundRequests } from './outbound-requests.ts'
import type { LinkParts, PeerLink } from './peer-link.ts'
import { type StreamEnds, StreamLane } from './stream-lane.ts'

/** More requests of one peer than an application may have running and waiting by its options. */
const admittedMax = 131_072

/** What the ends of lanes need of the node around them. */
export interface LaneEndsHost {
  readonly bootId: BootId
  readonly scheduler: Scheduler
  readonly codec: PayloadCodec
  readonly options: MessagingOptions
  /** Largest body of a frame. */
  readonly bytesMax: number
  readonly owns: Owns
  counters(application: ApplicationId): DeliveryCounters
  /** Null when there is no room for one more application. */
  handlers(application: ApplicationId): Handlers | null
  undelivered(message: Undelivered): void
  /** A session has ended. */
  closed(link: PeerLink): void
}

/** Makes the ends of lanes: what sends on one, and what takes what arrives on one. */
export class LaneEnds implements LinkParts {
  readonly #host: LaneEndsHost

  constructor(host: LaneEndsHost) {
    this.#host = host
  }

  messages({ session }: PeerLink, id: string, lane: OutgoingLane): OutboundMessages {
    const { bootId, options, bytesMax } = this.#host
    return new OutboundMessages({
      lane,
      session,
      counters: this.#host.counters(id as ApplicationId),
      inFlightMax: options.inFlightMax,
      bytesMax,
      idPrefix: messageIdPrefix(bootId, session.peerBootId, session, lane),
      onUndelivered: (messageId: string, to: string, code: ErrorCode) =>
        this.#host.undelivered({ application: id, messageId, to, code }),
    })
  }

  requests({ session }: PeerLink, id: string, lane: OutgoingLane): OutboundRequests {
    const { scheduler, codec, bytesMax, options } = this.#host
    const counters = this.#host.counters(id as ApplicationId)
    const { pendingRequestsMax: pendingMax } = options
    return new OutboundRequests({ lane, session, counters, scheduler, codec, bytesMax, pendingMax })
  }

  streams(ends: StreamEnds): StreamLane {
    const { session, application } = ends
    const { bootId, scheduler, options, codec, bytesMax, owns } = this.#host
    return new StreamLane({
      ...ends,
      handlers: this.#host.handlers(application as ApplicationId) as Handlers,
      scheduler,
      options,
      codec,
      bytesMax,
      owns,
      idPrefix: (stream) => messageIdPrefix(session.peerBootId, bootId, session, { stream }),
    })
  }

  closed(link: PeerLink): void {
    this.#host.closed(link)
  }

  /** Null when nobody takes the lane. */
  inbound(
    link: PeerLink,
    lane: IncomingLane,
  ): InboundMessages | InboundRequests | StreamLane | null {
    if (!isApplicationId(lane.application)) return null
    const handlers = this.#host.handlers(lane.application)
    if (handlers === null) return null
    if (lane.kind === 'streams') {
      const streams = link.streams(lane.application)
      return streams.bind(lane.stream) ? streams : null
    }
    const { bootId, scheduler, codec, bytesMax, owns } = this.#host
    const { session, control } = link
    const shared = {
      lane,
      session,
      control,
      handlers,
      codec,
      owns,
      idPrefix: messageIdPrefix(session.peerBootId, bootId, session, lane),
      onBroken: link.broken,
    }
    if (lane.kind === 'messages') {
      return new InboundMessages({ ...shared, markDirty: link.markDirty })
    }
    return new InboundRequests({ ...shared, scheduler, bytesMax, admittedMax })
  }
}
