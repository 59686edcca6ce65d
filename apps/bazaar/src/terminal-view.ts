/** What the terminal shows; computed by `story.ts`, drawn here. */
export interface ViewState {
  readonly elapsedMs: number
  readonly members: readonly { readonly name: string; readonly state: string }[]
  readonly placed: number
  readonly confirmed: number
  readonly failed: number
  readonly inFlight: number
  readonly ordersPerSecond: number
  readonly events: readonly { readonly atMs: number; readonly text: string }[]
}

export interface ViewSize {
  readonly width: number
  readonly height: number
  readonly colour: boolean
}

const colours: Readonly<Record<string, number>> = { alive: 32, suspect: 33, failed: 31, left: 90 }
const gap = '   '

/** The frame: lines of at most `width` characters, escape codes not counted, and fewer than `height`. */
export function render(state: ViewState, size: ViewSize): readonly string[] {
  const paint = (text: string, code: number): string =>
    size.colour ? `\u001b[${code}m${text}\u001b[0m` : text
  const fit = (text: string): string => text.slice(0, size.width)
  const head = [
    paint(
      fit(`Bazaar: ${state.members.length} processes, no broker ${seconds(state.elapsedMs)}`),
      1,
    ),
    '',
    ...memberLines(state.members, size.width, paint),
    '',
    fit(
      `placed ${state.placed}   confirmed ${state.confirmed}   failed ${state.failed}   ` +
        `in flight ${state.inFlight}   ${state.ordersPerSecond}/s`,
    ),
    '',
  ]
  const tail = ['', fit('Ctrl-C: no more orders, then the account')]
  const room = Math.max(1, Math.min(10, size.height - 1 - head.length - tail.length))
  const events = state.events.slice(-room)
  const news = events.map(({ atMs, text }) => fit(`${seconds(atMs)}  ${text}`))
  return [...head, ...news, ...tail].slice(0, Math.max(1, size.height - 1))
}

/** The codes that put a frame where one of so many lines is, the cursor being below it. */
export function repaint(frame: readonly string[], linesBefore: number): string {
  const up = linesBefore === 0 ? '' : `\u001b[${linesBefore}A`
  return `${up}\r${frame.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`
}

/** As many members on a line as it holds. */
function memberLines(
  members: ViewState['members'],
  width: number,
  paint: (text: string, code: number) => string,
): readonly string[] {
  const lines: string[] = []
  let line = ''
  let used = 0
  for (const { name, state } of members) {
    const text = `${state === 'alive' ? '●' : '○'} ${name} ${state}`.slice(0, width)
    const painted = paint(text, colours[state] ?? 90)
    if (used > 0 && used + gap.length + text.length > width) {
      lines.push(line)
      line = ''
      used = 0
    }
    line = used === 0 ? painted : `${line}${gap}${painted}`
    used += text.length + (used === 0 ? 0 : gap.length)
  }
  return [...lines, line]
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1).padStart(6)} s`
}
