/** The HTTP/2 transport alone. */
import { startH2 } from '../h2-node.ts'
import type { Subject } from '../subject.ts'
import { onewayOver } from '../transport-subjects.ts'

export const subject: Subject = onewayOver(startH2)
