/** The limit of QUIC with the packets of loopback: the largest that the engine writes. */
import { limitQuic } from '../limit-quic.ts'
import type { Subject } from '../subject.ts'

export const subject: Subject = limitQuic(16_383)
