import type { ErrorCode } from '@nodosum/kernel'

/** Close codes by which a pool turns a connection away; every transport tells them apart. */
export const refusalCodes = {
  limitConnections: 0x4e6f_0010,
  rateLimited: 0x4e6f_0011,
} as const

const errorCodes: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [refusalCodes.limitConnections, 'ERR_NODOSUM_LIMIT_CONNECTIONS'],
  [refusalCodes.rateLimited, 'ERR_NODOSUM_RATE_LIMITED'],
])

/** The error code that a close code of the peer stands for, if a pool uses it. */
export function errorCodeOfRefusal(closeCode: number): ErrorCode | undefined {
  return errorCodes.get(closeCode)
}
