/** The limit of QUIC with packets as networks carry them. */
import { limitQuic } from '../limit-quic.ts'
import type { Subject } from '../subject.ts'

export const subject: Subject = limitQuic(1_350)
