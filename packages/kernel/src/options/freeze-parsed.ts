/**
 * Freezes what parsing made, all the way down. What parsing handed through unchanged belongs to
 * the caller and stays as it is, as do instances of classes.
 */
export function freezeParsed<T>(parsed: T, given: unknown): T {
  if (!isContainer(parsed) || parsed === given || Object.isFrozen(parsed)) return parsed
  Object.freeze(parsed)
  const source = isContainer(given) ? given : {}
  for (const key of Object.keys(parsed)) freezeParsed(parsed[key], source[key])
  return parsed
}

function isContainer(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return true
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
