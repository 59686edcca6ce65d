/** The example: `npm start`. See README.md beside this folder. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Flags, parseFlags, usage } from './flags.ts'
import { Story } from './story.ts'
import { render, repaint } from './terminal-view.ts'

/** Business runs this long before a kill, and again after the return. */
const quietMs = 4_000
/** In a terminal, how long after that until the next kill. */
const betweenKillsMs = 20_000

function flagsOrEnd(): Flags {
  try {
    return parseFlags(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`bazaar: ${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exit(64)
  }
}

const flags = flagsOrEnd()
if (flags.help) {
  process.stdout.write(usage)
  process.exit(0)
}
if (flags.directory !== null) mkdirSync(flags.directory, { recursive: true })
const directory = resolve(flags.directory ?? mkdtempSync(join(tmpdir(), 'bazaar-')))
const isLive = process.stdout.isTTY && !flags.once && process.env.TERM !== 'dumb'
const story = new Story({
  directory,
  processes: flags.processes,
  ordersPerSecond: flags.rate,
  onEvent: (atMs, text) => {
    if (!isLive) process.stdout.write(`${(atMs / 1_000).toFixed(1).padStart(6)} s  ${text}\n`)
  },
})

/** Aborted by the first Ctrl-C. */
const leaving = new AbortController()
let interruptedBy: 'SIGINT' | 'SIGTERM' | null = null
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interruptedBy !== null) {
      process.stdout.write(`\nended without an account; the files are in ${directory}\n`)
      process.exit(128 + constants.signals[signal])
    }
    interruptedBy = signal
    leaving.abort()
  })
}
process.on('exit', () => {
  story.abandon()
  if (isLive) process.stdout.write('\u001b[?25h')
})

let linesDrawn = 0
function draw(): void {
  const { columns, rows } = process.stdout
  // A terminal that nobody has told its size says 0.
  const size = { width: columns || 80, height: rows || 24 }
  const colour = process.env.NO_COLOR === undefined
  const frame = render(story.view(), { ...size, colour })
  process.stdout.write(repaint(frame, linesDrawn))
  linesDrawn = frame.length
}

/** Sleeps, unless or until the user wants to leave. */
async function quiet(ms: number): Promise<void> {
  await sleep(ms, undefined, { signal: leaving.signal }).catch(() => undefined)
}

async function tell(): Promise<{ balanced: boolean; text: string }> {
  await story.open()
  await quiet(quietMs)
  for (let round = 1; !leaving.signal.aborted; round++) {
    await story.killOne(story.names[round % story.names.length] as string)
    await quiet(quietMs)
    if (!isLive) break
    await quiet(betweenKillsMs)
  }
  return await story.account()
}

if (isLive) process.stdout.write('\u001b[?25l')
const drawing = isLive ? setInterval(draw, 200) : null
let balanced = false
try {
  const account = await tell()
  balanced = account.balanced
  if (isLive) draw()
  process.stdout.write(`\n${account.text}\n`)
} catch (error) {
  process.stderr.write(`\nbazaar: ${error instanceof Error ? error.message : error}\n`)
}
if (drawing !== null) clearInterval(drawing)
if (!balanced) {
  process.stdout.write(`journals and database: ${directory}\n`)
  process.stdout.write(`logs of the processes: ${join(directory, 'logs')}\n`)
} else if (flags.directory === null) {
  rmSync(directory, { recursive: true, force: true })
  process.stdout.write('the files of this run are deleted; --directory DIR keeps them\n')
} else process.stdout.write(`the files of this run are in ${directory}\n`)
// Told to stop, a run with --once has not shown what it was asked to.
const cutShort = interruptedBy !== null && !isLive
process.exit(balanced ? (cutShort ? 128 + constants.signals[interruptedBy ?? 'SIGINT'] : 0) : 1)
