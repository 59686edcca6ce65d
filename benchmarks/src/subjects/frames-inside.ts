/** Messages framed by hand inside one process: what sessions and streams are measured against. */
import { framesInside, idleReceiver } from '../inside.ts'
import type { Subject } from '../subject.ts'

export const subject: Subject = { receive: idleReceiver, send: framesInside }
