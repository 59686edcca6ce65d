/** Sessions and streams over HTTP/2, without messaging. */
import { startH2 } from '../h2-node.ts'
import { lanesOver } from '../session-lanes.ts'
import type { Subject } from '../subject.ts'

export const subject: Subject = lanesOver(startH2)
