/** Sessions and streams over QUIC with the packets of loopback, without messaging. */
import { quicWith } from '../quic-node.ts'
import { lanesOver } from '../session-lanes.ts'
import type { Subject } from '../subject.ts'

export const subject: Subject = lanesOver(quicWith('auto'))
