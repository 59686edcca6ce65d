import { type PlantedBug, replaced } from '../../messaging/test/planted-bugs.ts'
import { ClusterDirectory } from '../src/cluster-directory.ts'
import { RunningNode } from '../src/running-node.ts'

/** Wrong behaviour of the facade that a simulation has to notice. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'drains-at-once',
    says: 'A node says that it has drained when it has begun to.',
    plant: () =>
      replaced(RunningNode.prototype, 'drain', (right) => {
        return async function drain(this: RunningNode, options) {
          void right.call(this, options)
          return { complete: true, durationMs: 0, inFlightAtStart: 0, inFlightAtEnd: 0 }
        }
      }),
  },
  {
    name: 'keeps-an-old-view',
    says: 'Whom a rule may find is looked up once, and never again.',
    plant: () => {
      const seen = new WeakMap<ClusterDirectory, Map<string, readonly string[]>>()
      return replaced(ClusterDirectory.prototype, 'candidates', (right) => {
        return function candidates(this: ClusterDirectory, application) {
          const known = seen.get(this) ?? new Map<string, readonly string[]>()
          seen.set(this, known)
          const found = (known.get(application) as ReturnType<typeof right>) ?? []
          if (found.length > 1) return found
          const fresh = right.call(this, application)
          known.set(application, fresh)
          return fresh
        }
      })
    },
  },
]
