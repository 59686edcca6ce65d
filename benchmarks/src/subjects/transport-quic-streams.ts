/** Streams of one QUIC connection. */
import { quicWith } from '../quic-node.ts'
import type { Subject } from '../subject.ts'
import { streamsOver } from '../transport-subjects.ts'

export const subject: Subject = streamsOver(quicWith('auto'))
