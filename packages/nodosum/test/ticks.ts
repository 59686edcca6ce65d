import { z } from 'zod'
import {
  type Contract,
  contract,
  type Implementation,
  message,
  request,
  streaming,
} from '../src/index.ts'

const number = z.number()

/** A contract with one method of each kind. */
const methods = {
  double: request({ input: number, output: number, errors: { TOO_LARGE: number } }),
  note: message({ payload: z.string() }),
  count: streaming({ input: number, item: number }),
}

export const ticks: Contract<typeof methods> = contract('ticks', methods)

/** Doubles, notes, and counts from 1 on to what it is asked. */
export function runTicks(notes: string[] = []): Implementation {
  return ticks.implement({
    double: (value) => {
      if (value > 1_000) throw ticks.double.error('TOO_LARGE', value)
      return value * 2
    },
    note: (text) => void notes.push(text),
    async *count(most) {
      for (let value = 1; value <= most; value++) yield value
    },
  })
}
