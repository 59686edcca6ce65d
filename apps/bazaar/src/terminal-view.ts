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

const colours: Readonly<Record<string, number>> = { alive: 32, suspect: 33, failed: 31, left: 90 }

/** The whole screen as lines of at most `width` characters, escape codes not counted. */
export function render(state: ViewState, options: { width: number; colour: boolean }): string {
  const paint = (text: string, code: number): string =>
    options.colour ? `\u001b[${code}m${text}\u001b[0m` : text
  const fit = (text: string): string => text.slice(0, options.width)
  const members = state.members.map(({ name, state: life }) =>
    paint(`${life === 'alive' ? '●' : '○'} ${name} ${life}`, colours[life] ?? 0),
  )
  const lines = [
    paint(fit(`Bazaar, five processes, no broker   ${seconds(state.elapsedMs)}`), 1),
    '',
    members.join('   '),
    '',
    fit(
      `placed ${state.placed}   confirmed ${state.confirmed}   failed ${state.failed}   ` +
        `in flight ${state.inFlight}   ${state.ordersPerSecond}/s`,
    ),
    '',
    ...state.events.slice(-10).map(({ atMs, text }) => fit(`${seconds(atMs)}  ${text}`)),
  ]
  return lines.join('\n')
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1).padStart(6)} s`
}
