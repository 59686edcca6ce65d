/** The whole messaging layer over HTTP/2. */
import type { Subject } from '../subject.ts'
import { nodesOver } from '../whole-node.ts'

export const subject: Subject = nodesOver('h2')
