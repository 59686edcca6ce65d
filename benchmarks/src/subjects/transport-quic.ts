/** The QUIC transport alone, with the packets of loopback. */
import { quicWith } from '../quic-node.ts'
import type { Subject } from '../subject.ts'
import { onewayOver } from '../transport-subjects.ts'

export const subject: Subject = onewayOver(quicWith('auto'))
