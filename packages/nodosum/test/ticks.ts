import { z } from 'zod'
import {
  type Contract,
  contract,
  type Implementation,
  type MessageDefinition,
  message,
  type RequestDefinition,
  request,
  type StreamingDefinition,
  streaming,
} from '../src/index.ts'

const number: z.ZodNumber = z.number()

/** A contract with one method of each kind. */
export const ticks: Contract<{
  readonly double: RequestDefinition<z.ZodNumber, z.ZodNumber, { readonly TOO_LARGE: z.ZodNumber }>
  readonly note: MessageDefinition<z.ZodString>
  readonly count: StreamingDefinition<z.ZodNumber, z.ZodNumber, Record<never, never>>
}> = contract('ticks', {
  double: request({ input: number, output: number, errors: { TOO_LARGE: number } }),
  note: message({ payload: z.string() }),
  count: streaming({ input: number, item: number }),
})

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
