/** The only thing that HTTP requests of this protocol say: which stream they are. */

/** The path of the first request of a connection; its number is the version of the protocol. */
export const controlPath = '/nodosum/1/control'
const streamPrefix = '/nodosum/1/stream/'
/** So that an id is written in one way only, and below 2^53. */
const idPattern = /^(0|[1-9]\d{0,15})$/

export function streamPath(id: number): string {
  return `${streamPrefix}${id}`
}

/** The id in the path of a stream; undefined for any other text. */
export function streamOfPath(path: string): number | undefined {
  if (!path.startsWith(streamPrefix)) return undefined
  const text = path.slice(streamPrefix.length)
  if (!idPattern.test(text)) return undefined
  const id = Number(text)
  return Number.isSafeInteger(id) ? id : undefined
}
