/** Connections of the HTTP/2 transport. */
import { startH2 } from '../h2-node.ts'
import type { Subject } from '../subject.ts'
import { connectionsOver } from '../transport-subjects.ts'

export const subject: Subject = connectionsOver(startH2)
