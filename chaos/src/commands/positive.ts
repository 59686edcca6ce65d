import { InvalidArgumentError } from 'commander'

/** An option that counts something. */
export function positive(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('Not a whole number above 0.')
}
