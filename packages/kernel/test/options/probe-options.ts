import { z } from 'zod'
import { isNodosumError, type NodosumError } from '../../src/index.ts'
import {
  bytes,
  choice,
  decimal,
  defineOptions,
  duration,
  flag,
  integer,
  type OptionTable,
  text,
} from '../../src/options.ts'

export interface ProbeOptions {
  readonly probePeriodMs: number
  readonly probesMax: number
  readonly packetBytesMax: number
  readonly lossRatio: number
  readonly enabled: boolean
  readonly transport: 'auto' | 'quic' | 'h2'
  readonly label: string
}

/** A table with one option of each kind. */
export const table: OptionTable<ProbeOptions> = defineOptions({
  name: 'probes',
  schema: z.strictObject({
    probePeriodMs: duration({
      default: 1_000,
      min: 100,
      max: 60_000,
      description: 'How often a member is probed.',
      source: 'memberlist DefaultLANConfig',
      reload: 'hot',
    }),
    probesMax: integer({ default: 3, min: 0, max: 10, unit: 'probes', description: 'At once.' }),
    packetBytesMax: bytes({ default: 1_400, max: 65_507, description: 'Largest packet.' }),
    lossRatio: decimal({ default: 0.1, min: 0, max: 1, description: 'Tolerated loss.' }),
    enabled: flag({ default: true, description: 'Whether to probe.' }),
    transport: choice({ values: ['auto', 'quic', 'h2'], default: 'auto', description: 'How.' }),
    label: text({ default: 'x', lengthMax: 8, pattern: /^[a-z]+$/, description: 'A name.' }),
  }),
})

export const defaults: ProbeOptions = {
  probePeriodMs: 1_000,
  probesMax: 3,
  packetBytesMax: 1_400,
  lossRatio: 0.1,
  enabled: true,
  transport: 'auto',
  label: 'x',
}

/** The error that a call throws because of wrong options. */
export function errorOf(run: () => unknown): NodosumError {
  try {
    run()
  } catch (error) {
    if (isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID')) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

export function problemsOf(run: () => unknown): readonly string[] {
  return errorOf(run).details.problems as readonly string[]
}
