const shownMax = 300

/** What a foreign function threw, in bounded words; never throws itself. */
export function errorText(error: unknown): string {
  try {
    return String(error).slice(0, shownMax)
  } catch {
    // An object without a prototype, or with a toString that throws.
    return 'threw something that cannot be shown'
  }
}
