/** The example: `npm start`. See README.md beside this folder. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Story } from './story.ts'
import { render } from './terminal-view.ts'

const usage = `Bazaar: a shop of five processes that talk only through Nodosum.

  --once            one kill, then the account; exit 0 when it balances, else 1
  --processes N     how many processes, 3 to 20 (default 5)
  --rate N          orders a second, 1 to 1000 (default 120)
  --directory DIR   where journals and database go, and stay (default: a temporary one)
  --help            this text

Without --once, in a terminal: a process is killed every 30 s until Ctrl-C, then the account.
`

function wrong(message: string): never {
  process.stderr.write(`bazaar: ${message}\n\n${usage}`)
  process.exit(64)
}

function parse(): { once: boolean; processes: number; rate: number; directory: string | null } {
  const options = {
    once: { type: 'boolean', default: false },
    processes: { type: 'string', default: '5' },
    rate: { type: 'string', default: '120' },
    directory: { type: 'string' },
    help: { type: 'boolean', default: false },
  } as const
  try {
    const { values } = parseArgs({ options })
    if (values.help) {
      process.stdout.write(usage)
      process.exit(0)
    }
    const number = (name: 'processes' | 'rate', min: number, max: number): number => {
      const value = Number(values[name])
      if (Number.isInteger(value) && value >= min && value <= max) return value
      return wrong(`--${name} takes a whole number from ${min} to ${max}, not ${values[name]}`)
    }
    return {
      once: values.once,
      processes: number('processes', 3, 20),
      rate: number('rate', 1, 1_000),
      directory: values.directory ?? null,
    }
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
}

const flags = parse()
if (flags.directory !== null) mkdirSync(flags.directory, { recursive: true })
const directory = flags.directory ?? mkdtempSync(join(tmpdir(), 'bazaar-'))
const isLive = process.stdout.isTTY && !flags.once && process.env.TERM !== 'dumb'
const story = new Story({
  directory,
  processes: flags.processes,
  ordersPerSecond: flags.rate,
  quietMs: 4_000,
  onEvent: (atMs, text) => {
    if (!isLive) process.stdout.write(`${(atMs / 1_000).toFixed(1).padStart(6)} s  ${text}\n`)
  },
})

let stopping = false
let wake: () => void = () => undefined
process.on('exit', () => {
  story.abandon()
  if (isLive) process.stdout.write('\u001b[?25h')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The first asks for the account, the second for the end.
    if (stopping || !isLive) process.exit(signal === 'SIGINT' ? 130 : 143)
    stopping = true
    wake()
  })
}

let drawing: NodeJS.Timeout | null = null
if (isLive) {
  const colour = process.env.NO_COLOR === undefined
  process.stdout.write('\u001b[?25l')
  drawing = setInterval(() => {
    const screen = render(story.view(), { width: process.stdout.columns, colour })
    process.stdout.write(`\u001b[H\u001b[J${screen}\n\nCtrl-C for the account\n`)
  }, 200)
}

await story.open()
await story.quiet()
for (let round = 0; !stopping; round++) {
  await story.killOne(story.names[(round + 1) % story.names.length] as string)
  await story.quiet()
  if (!isLive) break
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, stopping ? 0 : 20_000)
    wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}
if (drawing !== null) clearInterval(drawing)
const { balanced, text } = await story.account()
process.stdout.write(`\n${text}\n`)
if (balanced && flags.directory === null) rmSync(directory, { recursive: true, force: true })
else process.stdout.write(`the files of this run are in ${directory}\n`)
process.exit(balanced ? 0 : 1)
