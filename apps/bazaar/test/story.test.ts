import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { childrenOf, isRunning } from './child-processes.ts'

const source = (name: string): string => fileURLToPath(new URL(`../src/${name}`, import.meta.url))
const flags = ['--conditions=nodosum-source', '--disable-warning=ExperimentalWarning']

interface Run {
  readonly child: ChildProcess
  /** All that it has said so far. */
  said(): string
  readonly ended: Promise<number | null>
}

let directory: string
let running: ChildProcess | null = null
/** Of the program under test; a test that fails must not leave them either. */
let children: readonly number[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bazaar-story-'))
})
afterEach(() => {
  running?.kill('SIGKILL')
  running = null
  for (const pid of children.filter(isRunning)) process.kill(pid, 'SIGKILL')
  children = []
  rmSync(directory, { recursive: true, force: true })
})

function runBazaar(...words: string[]): Run {
  const program = [...flags, source('main.ts'), '--directory', directory, ...words]
  // With a process group of its own, as a shell gives it in a terminal.
  const child = spawn(process.execPath, program, { stdio: 'pipe', detached: true })
  running = child
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { child, said: () => text, ended }
}

type Line = { event: string; orderId: string; outcome: string } & Record<string, unknown>

function linesOf(file: string): Line[] {
  const text = readFileSync(file, 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

function processLines(): Line[] {
  const folder = join(directory, 'journals')
  return readdirSync(folder).flatMap((name) => linesOf(join(folder, name)))
}

/** The account once more, by hand: nothing here is taken from the program under test. */
function recompute(): Record<string, number> {
  const customers = linesOf(join(directory, 'customers.jsonl'))
  const orders = customers.filter(({ event }) => event === 'order')
  const ended = (event: string): Set<string> =>
    new Set(
      processLines()
        .filter((line) => line.event === event)
        .map(({ orderId }) => orderId),
    )
  const confirmed = ended('confirmed')
  const failed = ended('failed')
  const answers = customers.filter(({ event }) => event === 'answer')
  const untrue = answers.filter(({ orderId, outcome }) =>
    outcome === 'confirmed' ? !confirmed.has(orderId) : !failed.has(orderId),
  )
  const sold = new Map<string, number>()
  for (const { orderId, lines } of orders) {
    if (!confirmed.has(orderId)) continue
    for (const { sku, quantity } of lines as { sku: string; quantity: number }[]) {
      sold.set(sku, (sold.get(sku) ?? 0) + quantity)
    }
  }
  const catalogue = new URL('../data/catalogue.json', import.meta.url)
  const products = JSON.parse(readFileSync(catalogue, 'utf8')) as { sku: string; stock: number }[]
  const database = new DatabaseSync(join(directory, 'shop.db'))
  const rows = database.prepare('SELECT sku, left FROM stock').all()
  const left = new Map(rows.map((row) => [row.sku, Number(row.left)]))
  database.close()
  let oversold = 0
  let unexplained = 0
  for (const { sku, stock } of products) {
    oversold += Math.max(0, (sold.get(sku) ?? 0) - stock)
    unexplained += Math.abs(stock - (sold.get(sku) ?? 0) - (left.get(sku) ?? Number.NaN))
  }
  return {
    placed: new Set(orders.map(({ orderId }) => orderId)).size,
    confirmed: confirmed.size,
    failed: failed.size,
    both: [...confirmed].filter((id) => failed.has(id)).length,
    lost: untrue.length,
    oversold,
    unexplained,
  }
}

function account(folder: string): { status: number | null; stdout: string } {
  const words = [...flags, source('account.ts'), folder]
  return spawnSync(process.execPath, words, { encoding: 'utf8' })
}

describe('the story', () => {
  it('ends with an account that balances, and a spoilt one does not', {
    timeout: 90_000,
  }, async () => {
    const { said, ended } = runBazaar('--once')
    const code = await ended
    expect({ code, said: said() }).toEqual({ code: 0, said: expect.stringContaining('balances') })
    const text = said()
    for (const event of ['form a cluster', 'is killed with SIGKILL', 'declared dead', 'is back']) {
      expect(text).toContain(event)
    }
    // Warnings go to the logs: every line is of the story or of the account.
    expect(text.split('\n').filter((line) => line.startsWith('{'))).toEqual([])
    expect(readdirSync(join(directory, 'logs')).sort()).toEqual(
      ['bazaar-1', 'bazaar-2', 'bazaar-3', 'bazaar-4', 'bazaar-5', 'customers'].map(
        (name) => `${name}.log`,
      ),
    )

    const printed = text.match(/^placed (\d+) = confirmed (\d+) \+ pending (\d+) \+ failed (\d+)$/m)
    const [placed = 0, confirmed = 0, pending = 0, failed = 0] = (printed ?? [])
      .slice(1)
      .map(Number)
    const byHand = recompute()
    expect(byHand).toEqual({
      placed,
      confirmed,
      failed,
      both: 0,
      lost: 0,
      oversold: 0,
      // What pending orders hold is in the stock's books and in nobody's hands.
      unexplained: pending === 0 ? 0 : expect.any(Number),
    })
    expect(placed).toBe(confirmed + pending + failed)
    expect(placed).toBeGreaterThan(300)
    expect(confirmed / placed).toBeGreaterThan(0.9)
    expect(failed).toBeGreaterThan(0)
    expect(pending).toBeLessThan(50)

    const spoilt = mkdtempSync(join(tmpdir(), 'bazaar-spoilt-'))
    cpSync(directory, spoilt, { recursive: true })
    expect(account(spoilt).status).toBe(0)
    const victim = processLines().find(({ event }) => event === 'confirmed')?.orderId as string
    const folder = join(spoilt, 'journals')
    for (const name of readdirSync(folder)) {
      const kept = linesOf(join(folder, name)).filter(
        ({ event, orderId }) => orderId !== victim || event === 'placed',
      )
      writeFileSync(join(folder, name), kept.map((line) => `${JSON.stringify(line)}\n`).join(''))
    }
    const { status, stdout } = account(spoilt)
    expect(status).toBe(1)
    expect(stdout).toContain(`problem: ${victim}: its customer was told confirmed`)
    expect(stdout).toContain('THE ACCOUNT DOES NOT BALANCE')
    rmSync(spoilt, { recursive: true })
  })

  it('gives its account at Ctrl-C, though a terminal interrupts the whole group', {
    timeout: 60_000,
  }, async () => {
    const { child, said, ended } = runBazaar('--once')
    await expect.poll(said, { timeout: 30_000 }).toContain('the customers are in')
    children = childrenOf(child.pid as number)
    expect(children).toHaveLength(5)
    process.kill(-(child.pid as number), 'SIGINT')
    expect(await ended).toBe(130)
    expect(said()).toContain('the account balances')
    expect(said()).not.toContain('did not end when asked')
    expect(children.filter(isRunning)).toEqual([])
  })

  it('leaves no process behind when it is killed', { timeout: 60_000 }, async () => {
    const { child, said } = runBazaar('--once')
    await expect.poll(said, { timeout: 30_000 }).toContain('the customers are in')
    children = childrenOf(child.pid as number)
    expect(children).toHaveLength(5)
    child.kill('SIGKILL')
    await expect.poll(() => children.filter(isRunning), { timeout: 30_000 }).toEqual([])
  })

  it('says which flag is wrong, and starts nothing', async () => {
    const { said, ended } = runBazaar('--processes', '1')
    expect(await ended).toBe(64)
    expect(said()).toMatch(/^bazaar: --processes takes a whole number from 3 to 20, not 1\n/)
    expect(readdirSync(directory)).toEqual([])
  })
})
