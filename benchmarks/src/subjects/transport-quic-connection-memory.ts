/** Idle connections of the QUIC transport. */
import { quicWith } from '../quic-node.ts'
import type { Subject } from '../subject.ts'
import { connectionMemoryOver } from '../transport-subjects.ts'

export const subject: Subject = connectionMemoryOver(quicWith('auto'))
