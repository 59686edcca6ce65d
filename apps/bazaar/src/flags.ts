import { parseArgs } from 'node:util'

export const usage = `Bazaar: a shop of five processes that talk only through Nodosum.

  --once            one kill, then the account; exit 0 when it balances, else 1
  --processes N     how many processes, 3 to 20 (default 5)
  --rate N          orders a second, 1 to 1000 (default 120)
  --directory DIR   where journals, database and logs go, and stay; a run that is already
                    there goes on (default: a temporary one, removed if all went well)
  --help            this text

Without --once, in a terminal: a process is killed every 30 s until Ctrl-C, then the account.
Ctrl-C asks for the account, a second one ends the run without it.
`

export interface Flags {
  readonly once: boolean
  readonly help: boolean
  readonly processes: number
  readonly rate: number
  readonly directory: string | null
}

/** @throws an error whose message is for the user. */
export function parseFlags(words: readonly string[]): Flags {
  const options = {
    once: { type: 'boolean', default: false },
    processes: { type: 'string', default: '5' },
    rate: { type: 'string', default: '120' },
    directory: { type: 'string' },
    help: { type: 'boolean', default: false },
  } as const
  const { values } = parseArgs({ args: [...words], options })
  const number = (name: 'processes' | 'rate', min: number, max: number): number => {
    const value = Number(values[name])
    if (Number.isInteger(value) && value >= min && value <= max) return value
    throw new Error(`--${name} takes a whole number from ${min} to ${max}, not ${values[name]}`)
  }
  return {
    once: values.once,
    help: values.help,
    processes: number('processes', 3, 20),
    rate: number('rate', 1, 1_000),
    directory: values.directory ?? null,
  }
}
