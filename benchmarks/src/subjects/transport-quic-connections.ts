/** Connections of the QUIC transport. */
import { quicWith } from '../quic-node.ts'
import type { Subject } from '../subject.ts'
import { connectionsOver } from '../transport-subjects.ts'

export const subject: Subject = connectionsOver(quicWith('auto'))
