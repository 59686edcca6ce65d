/** The whole messaging layer over QUIC. */
import type { Subject } from '../subject.ts'
import { nodesOver } from '../whole-node.ts'

export const subject: Subject = nodesOver('quic')
