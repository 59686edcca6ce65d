import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { auditViews, type Finding } from '../../src/cluster/view-audit.ts'
import {
  type DeedEntry,
  Ledgers,
  type ViewEntry,
  writeDeed,
  writeView,
} from '../../src/cluster/view-ledger.ts'

const nodes = ['a', 'b', 'c']
const boot = '0'
const everybody = { a: 'alive', b: 'alive', c: 'alive' }

/** Books of three nodes that start at 0 and know each other at 1,000. */
class Books {
  readonly views: ViewEntry[] = nodes.map(
    (node): ViewEntry => ({ atMs: 1_000, node, boot, kind: 'joined', view: everybody }),
  )
  readonly deeds: DeedEntry[] = [{ atMs: 0, kind: 'start', nodes }]

  did(...deeds: DeedEntry[]): this {
    this.deeds.push(...deeds)
    return this
  }

  /** `by` believes something else of `of`. */
  changed(atMs: number, by: string, of: string, change: string): this {
    const state = change === 'failed' ? 'failed' : 'alive'
    this.views.push({ atMs, node: by, boot, kind: 'changed', of, change, state })
    return this
  }

  add(entry: ViewEntry): this {
    this.views.push(entry)
    return this
  }

  /** Both others believe it dead. */
  dead(atMs: number, of: string): this {
    for (const by of nodes.filter((id) => id !== of)) this.changed(atMs, by, of, 'failed')
    return this
  }
}

function broken(books: Pick<Books, 'views' | 'deeds'>): string[] {
  const isBroken = ({ isKept }: Finding): boolean => !isKept
  return auditViews(books)
    .filter(isBroken)
    .map(({ what, measured }) => `${what}: ${measured}`)
}

const end: DeedEntry = { atMs: 100_000, kind: 'end' }
const deathOfC: DeedEntry = { atMs: 5_000, kind: 'kill', nodes: ['c'] }
const split: DeedEntry = { atMs: 5_000, kind: 'split', sides: [['a'], ['b', 'c']] }
const stop: DeedEntry = { atMs: 5_000, kind: 'stop', nodes: ['c'] }

describe('the audit of views', () => {
  it('has nothing to say of a cluster that did as promised', () => {
    expect(broken(new Books().did(end))).toEqual([])
    expect(broken(new Books().did(deathOfC, end).dead(9_000, 'c'))).toEqual([])
  })

  it('fails when nothing was written down, or a node has no book', () => {
    expect(broken({ views: [], deeds: [] })).toHaveLength(1)
    const books = new Books().did(end)
    books.views.pop()
    expect(broken(books)).toEqual([
      'nodes that wrote down what they believed when they had joined: 2 of 3',
      'all views right after the start of 3 nodes: never',
    ])
  })

  it('sees views that are complete late, or never', () => {
    const late = new Books().did(end)
    late.views[2] = { atMs: 16_000, node: 'c', boot, kind: 'joined', view: everybody }
    expect(broken(late)).toEqual(['all views right after the start of 3 nodes: 16.0 s'])
    const never = new Books().did(end)
    never.views[2] = {
      atMs: 1_000,
      node: 'c',
      boot,
      kind: 'joined',
      view: { a: 'alive', c: 'alive' },
    }
    expect(broken(never)).toEqual(['all views right after the start of 3 nodes: never'])
  })

  it('sees a death that is noticed late, or not by all', () => {
    expect(broken(new Books().did(deathOfC, end).dead(15_100, 'c'))).toEqual([
      'c, killed, declared dead by all 2 others: 10.1 s',
    ])
    const half = new Books().did(deathOfC, end).changed(9_000, 'a', 'c', 'failed')
    expect(broken(half)).toEqual(['c, killed, declared dead by all 2 others: never'])
  })

  it('sees a living node that is declared dead, also for a moment', () => {
    const books = new Books()
      .did(end)
      .changed(5_000, 'a', 'b', 'failed')
      .changed(5_500, 'a', 'b', 'alive')
    expect(broken(books)).toEqual([
      'living nodes that could be reached and were declared dead: 1, such as a of b',
    ])
  })

  it('sees a short pause that kills, and excuses a long one', () => {
    const paused = (ms: number): Books =>
      new Books()
        .did(stop, { atMs: 5_000 + ms, kind: 'continue', nodes: ['c'] }, end)
        .dead(5_000 + ms - 100, 'c')
        .changed(5_000 + ms + 200, 'a', 'c', 'alive')
        .changed(5_000 + ms + 200, 'b', 'c', 'alive')
    expect(broken(paused(3_000))).toEqual([
      'living nodes that could be reached and were declared dead: 2, such as a of c',
    ])
    expect(broken(paused(60_000))).toEqual([])
  })

  it('sees a partition that does not heal, that nobody noticed, or that never was', () => {
    const healed = (dropped: number): Books =>
      new Books().did(split, { atMs: 65_000, kind: 'heal', dropped }, end)
    const noticed = healed(100).changed(10_000, 'a', 'b', 'failed')
    expect(broken(noticed)).toEqual(['all views right after the network has healed: never'])
    expect(broken(noticed.changed(81_000, 'a', 'b', 'alive'))).toEqual([
      'all views right after the network has healed: 16.0 s',
    ])
    expect(broken(healed(0))).toEqual([
      'packets that the fault has dropped: 0',
      'nodes declared dead across the partition, each by each: 0 of 4',
    ])
  })

  it('does not excuse a death on the same side of a partition', () => {
    const books = new Books()
      .did(split, { atMs: 65_000, kind: 'heal', dropped: 9 }, end)
      .changed(10_000, 'a', 'b', 'failed')
      .changed(10_000, 'b', 'c', 'failed')
      .changed(66_000, 'a', 'b', 'alive')
      .changed(66_000, 'b', 'c', 'alive')
    expect(broken(books)).toEqual([
      'living nodes that could be reached and were declared dead: 1, such as b of c',
    ])
  })

  it('on links that lose packets wants wrong verdicts taken back within 5 s', () => {
    const lossy = (backMs: number): Books =>
      new Books()
        .did(
          { atMs: 2_000, kind: 'lose', share: 0.2 },
          { atMs: 60_000, kind: 'heal', dropped: 9 },
          end,
        )
        .changed(5_000, 'a', 'b', 'failed')
        .changed(5_000 + backMs, 'a', 'b', 'alive')
    expect(broken(lossy(4_900))).toEqual([])
    expect(broken(lossy(5_100))).toEqual([
      'living nodes that could be reached and were declared dead: 1, 1 not taken back in time, such as a of b',
    ])
  })

  it('sees nodes that did not start, or ended by themselves', () => {
    const error = 'ERR_NODOSUM_JOIN_TIMEOUT'
    const books = new Books().did(end)
    expect(broken(books.add({ atMs: 3_000, node: 'c', boot, kind: 'closed', error }))).toEqual([
      expect.stringMatching(/^nodes that ended by themselves: c: .*JOIN_TIMEOUT/),
      'all views right after the start of 3 nodes: never',
    ])
  })
})

describe('the books of a run', () => {
  it('are read back whole, and further from where they were read to; a torn line waits', () => {
    const directory = mkdtempSync(join(tmpdir(), 'nodosum-books-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const ledgers = new Ledgers(directory)
    writeDeed(directory, { kind: 'start', nodes })
    writeView(directory, { atMs: 1, node: 'ä', boot, kind: 'starting' })
    expect([ledgers.read().views.length, ledgers.deeds.length]).toEqual([1, 1])
    writeView(directory, { atMs: 2, node: 'ä', boot, kind: 'joined', view: everybody })
    writeFileSync(join(directory, 'killed.1.view.jsonl'), '{"atMs":3,"node":"b","ki')
    expect(ledgers.read().views.map(({ atMs }) => atMs)).toEqual([1, 2])
    writeFileSync(join(directory, 'killed.1.view.jsonl'), 'nd":"starting"}\n', { flag: 'a' })
    expect(ledgers.read().views.map(({ atMs }) => atMs)).toEqual([1, 2, 3])
  })
})
