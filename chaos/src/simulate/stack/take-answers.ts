import { isNodosumError } from 'nodosum'

/** The code of what a call rejected with; the words of what has none. */
export function codeOf(error: unknown): string {
  return isNodosumError(error) ? error.code : `uncoded: ${String(error)}`
}

/** Of a send to several nodes: those to which it failed. */
export function failedOf(error: unknown): readonly string[] {
  const failed = isNodosumError(error) ? error.details?.failed : undefined
  return Array.isArray(failed) ? failed.map(String) : []
}

/** Takes a stream of the numbers from 0 on; resolves to how it ended. */
export async function takeStream(
  stream: AsyncIterable<number>,
  {
    items,
    leaveAfter,
    slowly,
  }: {
    readonly items: number
    /** How many are taken before the loop is left; null for all. */
    readonly leaveAfter: number | null
    readonly slowly: (() => Promise<void>) | null
  },
  violated: (detail: string) => void,
): Promise<string> {
  let next = 0
  try {
    for await (const item of stream) {
      if (item !== next) violated(`${item} came where ${next} was due`)
      next += 1
      if (next === leaveAfter) return 'left'
      if (slowly !== null) await slowly()
    }
  } catch (error) {
    return codeOf(error)
  }
  if (next !== items) violated(`it ended after ${next} of ${items}`)
  return 'ended'
}
