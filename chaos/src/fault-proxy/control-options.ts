import { choice, defineOptions, integer, type OptionTable } from '@nodosum/kernel/options'
import { z } from 'zod'
import { type FaultName, faultNames } from './core/counters.ts'
import { type Direction, directions } from './core/faults.ts'

/** One line of the control language. */
export interface ControlCommand {
  readonly command: 'set' | 'clear' | 'reset' | 'counters' | 'expect' | 'stop'
  /** What `set` changes. */
  readonly faults?: unknown
  /** What `expect` asks for. */
  readonly fault?: FaultName | undefined
  readonly direction?: Direction | undefined
  readonly min?: number | undefined
}

export const controlOptions: OptionTable<ControlCommand> = defineOptions({
  name: 'a control line',
  schema: z.strictObject({
    command: choice({
      values: ['set', 'clear', 'reset', 'counters', 'expect', 'stop'],
      description: 'What to do.',
    }),
    faults: z.unknown().optional().describe('set: the faults to change.'),
    fault: choice({ values: faultNames, description: 'expect: which fault.' }).optional(),
    direction: choice({ values: directions, description: 'expect: in which.' }).optional(),
    min: integer({ min: 1, max: 2 ** 53 - 1, description: 'expect: fewest times.' }).optional(),
  }),
})
