import { isNodosumError } from '@nodosum/kernel'
import { LaneLedger } from '../src/core/delivery-ledger.ts'
import { rendezvousOwner } from '../src/core/rendezvous.ts'
import { Application } from '../src/driver/application.ts'
import { Handlers } from '../src/driver/handlers.ts'
import { InboundMessages } from '../src/driver/inbound-messages.ts'
import { Lane } from '../src/driver/lane.ts'
import { MessagingService } from '../src/driver/messaging-service.ts'
import { OutboundMessages } from '../src/driver/outbound-messages.ts'
import { OutboundRequests } from '../src/driver/outbound-requests.ts'

/** A wrong behaviour that a simulation has to notice. */
export interface PlantedBug {
  readonly name: string
  /** What goes wrong, in one sentence. */
  readonly says: string
  /** Breaks the code of this process; what it returns repairs it. */
  readonly plant: () => () => void
}

/** Puts another function in place of a method, for all objects of its class. */
export function replaced<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  wrong: (right: Target[Name]) => Target[Name],
): () => void {
  const right = target[name]
  target[name] = wrong(right)
  return () => {
    target[name] = right
  }
}

/** True at every so many calls. */
export function everySo(many: number): () => boolean {
  let count = 0
  return () => {
    count += 1
    return count % many === 0
  }
}

const isUnknown = (error: unknown): boolean =>
  isNodosumError(error, 'ERR_NODOSUM_DELIVERY_UNKNOWN') ||
  isNodosumError(error, 'ERR_NODOSUM_REQUEST_TIMEOUT')

const ofMessages: readonly PlantedBug[] = [
  {
    name: 'confirms-what-it-sent',
    says: 'A message is called received when it has left.',
    plant: () =>
      replaced(OutboundMessages.prototype, 'offer', (right) => {
        return function offer(this: OutboundMessages, payload, headers, confirm, confirmation) {
          const result = right.call(this, payload, headers, confirm, confirmation)
          if (result === 'accepted' && confirm === 'received') confirmation?.confirmed()
          return result
        }
      }),
  },
  {
    name: 'calls-lost-ones-delivered',
    says: 'A message whose confirmation was lost with its session is called delivered.',
    plant: () =>
      replaced(OutboundMessages.prototype, 'offer', (right) => {
        return function offer(this: OutboundMessages, payload, headers, confirm, confirmation) {
          const wrong = confirmation && {
            confirmed: confirmation.confirmed,
            failed: (error: Parameters<typeof confirmation.failed>[0]) =>
              isUnknown(error) ? confirmation.confirmed() : confirmation.failed(error),
          }
          return right.call(this, payload, headers, confirm, wrong)
        }
      }),
  },
  {
    name: 'hides-lost-ones',
    says: 'Nobody is told of messages that end with their session.',
    plant: () =>
      replaced(LaneLedger.prototype, 'lose', (right) => {
        return function lose(this: LaneLedger, as) {
          right.call(this, as)
          return []
        }
      }),
  },
  {
    name: 'tells-twice',
    says: 'The end of a session is told twice of each message.',
    plant: () =>
      replaced(LaneLedger.prototype, 'lose', (right) => {
        return function lose(this: LaneLedger, as) {
          const lost = right.call(this, as)
          return [...lost, ...lost]
        }
      }),
  },
  {
    name: 'forgets-the-handled',
    says: 'A message that was handled is counted as in flight for ever.',
    plant: () => {
      const isDue = everySo(10)
      return replaced(LaneLedger.prototype, 'handle', (right) => {
        return function handle(this: LaneLedger, sequence) {
          return isDue() || right.call(this, sequence)
        }
      })
    },
  },
  {
    name: 'starts-twice',
    says: 'A message is given to its handler twice.',
    plant: () => {
      const isDue = everySo(50)
      return replaced(InboundMessages.prototype, 'frame', (right) => {
        return function frame(this: InboundMessages, ...given) {
          right.call(this, ...given)
          if (isDue()) right.call(this, ...given)
        }
      })
    },
  },
  {
    name: 'starts-none',
    says: 'A message is confirmed and given to no handler.',
    plant: () => {
      const isDue = everySo(50)
      return replaced(Handlers.prototype, 'messageHandler', (right) => {
        return function messageHandler(this: Handlers, method) {
          const handler = right.call(this, method)
          return handler !== null && isDue() ? () => undefined : handler
        }
      })
    },
  },
  {
    name: 'broadcasts-later',
    says: 'What is sent after a broadcast overtakes it.',
    plant: () =>
      replaced(Lane.prototype, 'broadcast', (right) => {
        return async function broadcast(this: Lane, ...given) {
          await Promise.resolve()
          return await right.call(this, ...given)
        }
      }),
  },
]

const ofRequests: readonly PlantedBug[] = [
  {
    name: 'answers-another',
    says: 'A reply goes to the next request.',
    plant: () => {
      const isDue = everySo(5)
      return replaced(OutboundRequests.prototype, 'reply', (right) => {
        return function reply(this: OutboundRequests, sequence, cbor, bytes) {
          right.call(this, this.pending > 1 && isDue() ? sequence + 1 : sequence, cbor, bytes)
        }
      })
    },
  },
  {
    name: 'ignores-deadlines',
    says: 'A request waits four times as long as it may.',
    plant: () =>
      replaced(OutboundRequests.prototype, 'request', (right) => {
        return function request(this: OutboundRequests, payload, headers, timeoutMs, signal) {
          return right.call(this, payload, headers, 4 * timeoutMs, signal)
        }
      }),
  },
  {
    name: 'keeps-the-cancelled',
    says: 'A request that was cancelled stays in flight, and its handler hears nothing.',
    plant: () =>
      replaced(OutboundRequests.prototype, 'request', (right) => {
        return function request(this: OutboundRequests, payload, headers, timeoutMs, signal) {
          const work = right.call(this, payload, headers, timeoutMs, undefined)
          if (signal === undefined) return work
          return new Promise((resolve, reject) => {
            signal.addEventListener('abort', () => reject(cancelled()), { once: true })
            work.then(resolve, reject)
          })
        }
      }),
  },
  {
    name: 'repeats-what-it-must-not',
    says: 'A request that is not idempotent is sent again when its outcome is unknown.',
    plant: () =>
      replaced(Application.prototype, 'request', (right) => {
        return async function request(this: Application, ...given) {
          const again = () => right.call(this, ...given)
          return await again().catch((error: unknown) => {
            if (isUnknown(error)) return again()
            throw error
          })
        }
      }),
  },
  {
    name: 'keeps-the-first-owner',
    says: 'The owner of a key is looked up once, and never again.',
    plant: () => {
      const owners = new Map<string, string>()
      return replaced(Application.prototype, 'request', (right) => {
        return function request(this: Application, to, payload, options, method) {
          if (typeof to !== 'object' || !('kind' in to) || to.kind !== 'owner') {
            return right.call(this, to, payload, options, method)
          }
          const key = `${this.id} ${to.key}`
          const owner =
            owners.get(key) ?? rendezvousOwner(to.key ?? '', this.host.candidates(this.id))
          if (owner !== undefined) owners.set(key, owner)
          return right.call(this, owner ?? to, payload, options, method)
        }
      })
    },
  },
  {
    name: 'drops-what-waits',
    says: 'A request that has to wait for a handler is dropped, and nobody is told.',
    plant: () =>
      replaced(Handlers.prototype, 'admitRequest', (right) => {
        return function admitRequest(this: Handlers, request) {
          const before = this.busy
          const isAdmitted = right.call(this, request)
          if (isAdmitted || before === 0) return isAdmitted
          return true
        }
      }),
  },
  {
    name: 'refuses-what-it-runs',
    says: 'A request is answered with OVERLOAD although its handler runs.',
    plant: () => {
      const isDue = everySo(20)
      return replaced(Handlers.prototype, 'admitRequest', (right) => {
        return function admitRequest(this: Handlers, request) {
          return right.call(this, request) && !isDue()
        }
      })
    },
  },
  {
    name: 'runs-without-limit',
    says: 'Every request starts its handler at once.',
    plant: () =>
      replaced(Handlers.prototype, 'admitRequest', () => {
        return function admitRequest(request) {
          request.start()
          return true
        }
      }),
  },
  {
    name: 'refuses-late',
    says: 'Who is told that there is too much to do hears it after a while.',
    plant: () =>
      replaced(Application.prototype, 'request', (right) => {
        return async function request(this: Application, ...given) {
          try {
            return await right.call(this, ...given)
          } catch (error) {
            const { scheduler } = this.host.laneHost(this.id, 'late', 'interactive')
            await new Promise<void>((resolve) => void scheduler.after(300, resolve))
            throw error
          }
        }
      }),
  },
]

const ofDraining: readonly PlantedBug[] = [
  {
    name: 'drains-nothing',
    says: 'A node that drains takes new work.',
    plant: () => replaced(MessagingService.prototype, 'drain', () => () => undefined),
  },
  {
    name: 'forgets-what-runs',
    says: 'A node that drains does not wait for its handlers.',
    plant: () => {
      const right = Object.getOwnPropertyDescriptor(Handlers.prototype, 'busy')
      if (right === undefined) throw new Error('handlers do not say how busy they are')
      Object.defineProperty(Handlers.prototype, 'busy', { ...right, get: () => 0 })
      return () => void Object.defineProperty(Handlers.prototype, 'busy', right)
    },
  },
]

/** Each is planted in the classes of this process, for one run. */
export const plantedBugs: readonly PlantedBug[] = [...ofMessages, ...ofRequests, ...ofDraining]

function cancelled(): Error {
  return Object.assign(new Error('cancelled'), { code: 'ERR_NODOSUM_CANCELLED' })
}
