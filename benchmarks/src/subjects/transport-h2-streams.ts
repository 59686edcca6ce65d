/** Streams of one HTTP/2 connection. */
import { startH2 } from '../h2-node.ts'
import type { Subject } from '../subject.ts'
import { streamsOver } from '../transport-subjects.ts'

export const subject: Subject = streamsOver(startH2)
