import {
  type Contract,
  contract,
  type MessageDefinition,
  message,
  type RequestDefinition,
  request,
  type StreamingDefinition,
  streaming,
} from 'nodosum'
import { z } from 'zod'
import type { Answer, Job } from './stack-records.ts'

const Work: z.ZodType<Job, Job> = z.object({
  id: z.string(),
  work: z.number(),
  fails: z.number(),
  pad: z.string(),
})
const Reply: z.ZodType<Answer, Answer> = z.object({ id: z.string(), messageId: z.string() })
const Wanted: z.ZodType<Wish, Wish> = z.object({ id: z.string(), items: z.number() })

/** What a stream is asked for. */
export interface Wish {
  readonly id: string
  readonly items: number
}

/** Messages by contract. */
export const shop: Contract<{ readonly placed: MessageDefinition<typeof Work> }> = contract(
  'shop',
  { placed: message({ payload: Work }) },
)

/** Requests and streams by contract. */
export const desk: Contract<{
  readonly keeper: RequestDefinition<typeof Work, typeof Reply>
  readonly feed: StreamingDefinition<typeof Wanted, z.ZodNumber>
}> = contract('desk', {
  keeper: request({ input: Work, output: Reply, idempotent: true }),
  feed: streaming({ input: Wanted, item: z.number() }),
})
