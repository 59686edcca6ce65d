/** Sessions and streams inside one process. */
import { idleReceiver, sessionInside } from '../inside.ts'
import type { Subject } from '../subject.ts'

export const subject: Subject = { receive: idleReceiver, send: sessionInside }
