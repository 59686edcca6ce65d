import type { MessagingService } from '@nodosum/messaging'
import { isInternal } from '../internal-applications.ts'
import { type DeliveryBook, outcomeOf } from './delivery-book.ts'

type Application = ReturnType<MessagingService['application']>
type Lane = ReturnType<Application['lane']>
type Implementation = Parameters<MessagingService['implement']>[0]
type RequestHandler = Parameters<Application['onRequest']>[0]

/**
 * Writes down what the modules of one node ask of their applications, and when their handlers are
 * called. It stands in front of messaging, and hears nothing of what goes on inside.
 */
export function watchMessaging(
  messaging: MessagingService,
  self: string,
  book: DeliveryBook,
): void {
  const watched = new WeakSet<object>()
  const application = messaging.application.bind(messaging)
  const implement = messaging.implement.bind(messaging)
  messaging.implement = (given) => implement(watchImplementation(given, self, book))
  messaging.application = (id) => {
    const found = application(id)
    if (isInternal(id) || watched.has(found)) return found
    watched.add(found)
    watchHandlers(found, self, book)
    watchLane(found, found.id, self, book)
    watchRequests(found, self, book)
    const lane = found.lane.bind(found)
    found.lane = (name) => {
      const one = lane(name)
      if (!watched.has(one)) watchLane(one, found.id, self, book)
      watched.add(one)
      return one
    }
    return found
  }
}

function watchHandlers(application: Application, to: string, book: DeliveryBook): void {
  const onMessage = application.onMessage.bind(application)
  const onRequest = application.onRequest.bind(application)
  const { id } = application
  // What is no function is refused as ever.
  application.onMessage = (handler) =>
    onMessage(
      typeof handler === 'function'
        ? (seen('message', handler as RequestHandler, id, to, book) as typeof handler)
        : handler,
    )
  application.onRequest = (handler) =>
    onRequest(typeof handler === 'function' ? seen('request', handler, id, to, book) : handler)
}

/** The same handlers of a contract, each of which is written down. Streams are not. */
function watchImplementation(
  { application, methods }: Implementation,
  to: string,
  book: DeliveryBook,
): Implementation {
  const watched = [...methods].map(([name, method]): [string, typeof method] => {
    if (method.kind === 'streaming') return [name, method]
    const { kind, handle } = method
    return [name, { kind, handle: seen(kind, handle as RequestHandler, application, to, book) }]
  })
  return { application, methods: new Map(watched) }
}

function seen(
  kind: 'message' | 'request',
  handler: RequestHandler,
  application: string,
  to: string,
  book: DeliveryBook,
): RequestHandler {
  return (payload, context) => {
    const { lane, from, messageId } = context
    const ended = book.started({ application, lane, kind, from, to, messageId, payload })
    const threw = (error: unknown): never => {
      ended('threw')
      throw error
    }
    try {
      const result = handler(payload, context)
      if (!(result instanceof Promise)) {
        ended('done')
        return result
      }
      return result.then((reply) => {
        ended('done')
        return reply
      }, threw)
    } catch (error) {
      return threw(error)
    }
  }
}

function watchLane(lane: Lane, application: string, from: string, book: DeliveryBook): void {
  const note = (to: string | null, payload: unknown): ((outcome: string) => void) =>
    book.sent({ application, lane: lane.name, kind: 'message', from, to, payload })
  const send = lane.send.bind(lane)
  lane.send = async (to, payload, options, method) => {
    const targets = typeof to === 'string' ? [to] : Array.isArray(to) ? to : [null]
    const notes = targets.map((target) => note(target, payload))
    try {
      await send(to, payload, options, method)
      for (const ended of notes) ended('accepted')
    } catch (error) {
      for (const ended of notes) ended(outcomeOf(error))
      throw error
    }
  }
  const trySend = lane.trySend.bind(lane)
  lane.trySend = (to, payload) => {
    const ended = note(to, payload)
    try {
      const outcome = trySend(to, payload)
      ended(outcome)
      return outcome
    } catch (error) {
      ended(outcomeOf(error))
      throw error
    }
  }
  const broadcast = lane.broadcast.bind(lane)
  lane.broadcast = async (payload, options, method) => {
    const outcomes = await broadcast(payload, options, method)
    for (const [node, outcome] of outcomes) {
      note(node, payload)('code' in outcome ? outcome.code : outcome.status)
    }
    return outcomes
  }
}

function watchRequests(application: Application, from: string, book: DeliveryBook): void {
  const request = application.request.bind(application)
  application.request = async (to, payload, options, method) => {
    const { id, name: lane } = application
    const target = typeof to === 'string' ? to : null
    const ended = book.sent({
      application: id,
      lane,
      kind: 'request',
      from,
      to: target,
      payload,
    })
    try {
      const reply = await request(to, payload, options, method)
      ended('delivered')
      return reply
    } catch (error) {
      ended(outcomeOf(error))
      throw error
    }
  }
}
