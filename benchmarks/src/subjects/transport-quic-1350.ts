/** The QUIC transport alone, with packets as networks carry them. */
import { quicWith } from '../quic-node.ts'
import type { Subject } from '../subject.ts'
import { onewayOver } from '../transport-subjects.ts'

export const subject: Subject = onewayOver(quicWith(1_350))
