import { isNodosumError, type Logger } from '@nodosum/kernel'
import type { Member } from './api.ts'

/**
 * Says why a node must stay outside, or null for one that may take part. Asked with the record that a
 * node gives of itself, once for each start of it, and when a process connects of which gossip has
 * not told yet: then with its ids only, without addresses, tags and applications.
 */
export type Admit = (member: Member) => string | null

/** As long as others get to read it. */
const reasonMax = 200

/** The same question, which never throws: a check that fails lets nobody in. */
export function safeAdmission(admit: Admit, logger: Logger): Admit {
  return (member) => {
    try {
      const reason: unknown = admit(member)
      if (reason === null || reason === undefined) return null
      if (typeof reason === 'string') return reason.slice(0, reasonMax)
      throw new TypeError(`admit returned ${typeof reason}: return a reason, or null to admit`)
    } catch (error) {
      const error_code = isNodosumError(error) ? error.code : undefined
      const fields = { event: 'admission.failed', peer_id: member.nodeId, error_code, err: error }
      logger.error(fields, `whether ${member.nodeId} may take part could not be told`)
      return 'the check of this node failed'
    }
  }
}
